"""The choices frame: which decisions of the space moved accuracy and latency, and what each option gave.

Importance is the share of a target's variance that one choice explains among the trials that made it:
epsilon squared (Kelley, "An unbiased correlation ratio measure", 1935). It needs no model of the space and
no package but pandas, costs one pass over the trials and is near zero for a choice that does nothing,
however many options it has. It looks at one choice at a time: what two do only together is not seen. A
sampler that came to prefer an option leaves fewer trials to judge the others by.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from millinet.frames import CHOICES
from reports.load import Run

TARGETS: Final = {"accuracy": "accuracy", "latency": "latency_ms"}
MIN_TRIALS: Final = 8
"""With fewer trials that made a choice, its importance would be noise."""
ANY_STAGE: Final = "any stage: "
"""What the names of choices joined over the stages begin with."""
MAX_RANKED: Final = 12
"""Choices that a plot of importances has room for."""
NUM_DETAILED: Final = 4
"""Choices of single stages whose options are shown one by one."""
_MAX_OPTIONS: Final = 12
_STAGE: Final = re.compile(r"s\d+\.")


def choices(runs: Sequence[Run]) -> pd.DataFrame:
    """Judge every choice of every run's space."""
    return CHOICES.frame(row for run in runs for row in _judge(run))


def importance(target: "pd.Series[float]", option: "pd.Series[Any]") -> float:
    """Return the share of the variance of `target` that `option` explains, in [0, 1]: epsilon squared."""
    values = target.to_numpy(dtype=float)
    taken, options = pd.factorize(option)
    means = np.bincount(taken, values) / np.bincount(taken)
    total = float(((values - values.mean()) ** 2).sum())
    within = float(((values - means[taken]) ** 2).sum())
    spare = len(values) - len(options)
    if total <= 0 or spare <= 0:
        return 0.0
    return max(0.0, 1.0 - (within / spare) / (total / (len(values) - 1)))


def ranked(frame: pd.DataFrame, target: str) -> "pd.Series[float]":
    """Return the importance of each choice of one run for `target`, highest first."""
    single = ~frame["choice"].str.startswith(ANY_STAGE)
    shares = frame[single & (frame["target"] == target)].groupby("choice", sort=False)["importance"].first()
    return shares.sort_values(ascending=False, kind="stable").head(MAX_RANKED)


def notable(group: pd.DataFrame) -> list[str]:
    """Return the choices shown option by option: those of any stage, the head, then the most important."""
    both = [ranked(group, target) for target in TARGETS]
    highest = pd.concat(both).groupby(level=0).max().sort_values(ascending=False, kind="stable")
    pooled = [choice for choice in group["choice"].unique() if choice.startswith(ANY_STAGE)]
    head = [choice for choice in group["choice"].unique() if choice == "head"]
    alone = [str(choice) for choice in highest.index if choice not in head]
    return [*pooled, *head, *alone[:NUM_DETAILED]]


def _judge(run: Run) -> list[dict[str, Any]]:
    made = _parsed(run.trials)
    columns = {str(choice): made[choice] for choice in sorted(made.columns)}
    rows = []
    for choice, options in (columns | _pooled(columns)).items():
        for target, column in TARGETS.items():
            labels = {"run": run.name, "choice": choice, "target": target}
            rows += _rows(options, run.trials[column].reindex(options.index), labels)
    return rows


def _pooled(columns: dict[str, "pd.Series[Any]"]) -> dict[str, "pd.Series[Any]"]:
    """Join the choices that every stage makes for itself: a trial counts once for each of its stages."""
    kinds: dict[str, list[pd.Series[Any]]] = {}
    for choice, options in columns.items():
        if _STAGE.match(choice):
            kinds.setdefault(choice.rpartition(".")[2], []).append(options)
    return {f"{ANY_STAGE}{kind}": pd.concat(parts) for kind, parts in kinds.items() if len(parts) > 1}


def _rows(
    options: "pd.Series[Any]", values: "pd.Series[float]", labels: dict[str, Any]
) -> list[dict[str, Any]]:
    known = (options.notna() & values.notna()).to_numpy()
    taken, target = _listed(options[known]), values[known]
    if len(target) < MIN_TRIALS or taken.nunique() < 2:
        return []
    share = importance(target, taken)
    measured = target.to_numpy(dtype=float)
    rows = []
    for place, option in enumerate(taken.cat.categories):
        chosen = measured[taken.cat.codes.to_numpy() == place]
        if len(chosen):
            low, median, high = np.quantile(chosen, (0.25, 0.5, 0.75))
            spread = {"low": low, "median": median, "high": high}
            rows.append(
                labels | spread | {"option": str(option), "num_trials": len(chosen), "importance": share}
            )
    return rows


def _listed(options: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the options as categories in their order, a continuous choice cut into quarters."""
    values = pd.Series([_plain(option) for option in options], index=options.index)
    distinct = set(values)
    if not all(isinstance(value, int | float) for value in distinct):
        return values.astype("str").astype("category")
    numbers = pd.to_numeric(values)
    if len(distinct) > _MAX_OPTIONS:
        return pd.qcut(numbers, 4, duplicates="drop", precision=2)
    ordered = numbers.astype("category")
    return ordered.cat.rename_categories([f"{number:g}" for number in ordered.cat.categories])


def _plain(option: Any) -> Any:
    return str(option) if isinstance(option, bool | list | dict) else option


def _parsed(trials: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame([_params(text) for text in trials["params"]], index=trials.index, dtype=object)


def _params(text: Any) -> dict[str, Any]:
    try:
        content = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
