"""Read a run folder for a report: whatever is there, and in words whatever is not.

A report is made while a run is still going, after it was killed, or by an older version than the run. So
nothing but a missing folder is fatal here; each thing that cannot be read becomes one of `Run.problems`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from pydantic import ValidationError

from millinet.certificate import Certificate
from millinet.errors import RunFolderError
from millinet.frames import HISTORY, LATENCY, LAYERS, PREDICTIONS, TRIALS, FrameSchema
from millinet.runs import FORMAT, RunFolder, RunRecord
from millinet.visible import visible


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished network of a run, as far as it can be read."""

    rank: int
    certificate: Certificate | None
    architecture: dict[str, Any] | None
    """The content of architecture.json or source.json."""
    layers: pd.DataFrame
    """The `LAYERS` frame; empty before pruning and without a profile."""
    predictions: pd.DataFrame
    """The `PREDICTIONS` frame; empty where none were kept."""
    before: "Entry | None" = None
    """The network as it was before pruning, where it was pruned."""


@dataclass(slots=True)
class Run:
    """A run folder in memory."""

    path: Path
    name: str
    """Unlike that of any other run in the report."""
    record: RunRecord
    trials: pd.DataFrame
    latency: pd.DataFrame
    history: pd.DataFrame
    winners: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What is missing or damaged, each in one sentence."""


def load_runs(paths: Sequence[Path]) -> list[Run]:
    """Read run folders; two of the same name are told apart by a number.

    Raises:
        RunFolderError: If no path is given, or one is no run folder.
    """
    if not paths:
        raise RunFolderError("a report needs at least one run folder, got none; give the folder of a run")
    runs = [load_run(Path(path)) for path in paths]
    taken: set[str] = set()
    for run in runs:
        plain, number = run.name, 2
        while run.name in taken:
            run.name, number = f"{plain} ({number})", number + 1
        taken.add(run.name)
    return runs


def load_run(path: Path) -> Run:
    """Read one run folder.

    Raises:
        RunFolderError: If `path` is no folder, or holds nothing that a run writes.
    """
    if not path.is_dir():
        raise RunFolderError(f"{path} is no folder; give the folder of a run, which holds run.json")
    problems: list[str] = []
    record = _record(path, problems)
    run = Run(
        path=path,
        name=visible(record.name),
        record=record,
        trials=_frame(path, TRIALS, problems),
        latency=_frame(path, LATENCY, problems),
        history=_frame(path, HISTORY, problems),
        problems=problems,
    )
    for winner in RunFolder(path, record).winners():
        run.winners.append(_entry(winner.path, path, problems))
    problems.extend(_changed_since(RunFolder(path, record)))
    _explain_status(run)
    return run


def _record(path: Path, problems: list[str]) -> RunRecord:
    file = path / "run.json"
    if not file.exists() and not any((path / f"{name}.csv").exists() for name in ("trials", "latency")):
        raise RunFolderError(f"{path} is no run folder (it has no run.json); give one made by millinet")
    content = _json(file, problems)
    if content is None:
        content = {}
    elif content.get("format") != FORMAT:
        problems.append(
            f"run.json has format {str(content.get('format'))!r:.60} and this version reads {FORMAT!r}: "
            "what it does not know is left out"
        )
    nameless = {"name": path.resolve().name, "created": "", "command": [], "config": {}}
    return _lenient_record(nameless | content, nameless, problems)


def _entry(folder: Path, root: Path, problems: list[str]) -> Entry:
    here = folder.relative_to(root)
    certificate = None
    if (folder / "certificate.json").exists():
        content = _json(folder / "certificate.json", problems, shown=str(here / "certificate.json"))
        if content is not None:
            certificate = _certificate(content, str(here / "certificate.json"), problems)
    else:
        problems.append(f"{here} has no certificate.json: the network was not measured to the end")
    described = next(
        (name for name in ("architecture.json", "source.json") if (folder / name).exists()), None
    )
    if described is None:
        problems.append(f"{here} has neither architecture.json nor source.json: it cannot be drawn or named")
    architecture = _json(folder / described, problems, shown=str(here / described)) if described else None
    before = folder / "before"
    return Entry(
        rank=int(folder.name) if folder.name.isdigit() else int(folder.parent.name),
        certificate=certificate,
        architecture=architecture,
        layers=_frame(folder, LAYERS, problems, shown=str(here / "layers.csv")),
        predictions=_frame(folder, PREDICTIONS, problems, shown=str(here / "predictions.csv")),
        before=_entry(before, root, problems) if before.is_dir() else None,
    )


def _certificate(content: dict[str, Any], shown: str, problems: list[str]) -> Certificate | None:
    known = {key: value for key, value in content.items() if key in Certificate.model_fields}
    if len(known) < len(content):
        problems.append(f"{shown} has fields of another version: they are left out")
    try:
        return Certificate.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        problems.append(f"{shown} is left out: {'.'.join(map(str, first['loc']))}: {first['msg']}")
        return None


def _lenient_record(
    content: Mapping[str, Any], fallback: Mapping[str, Any], problems: list[str]
) -> RunRecord:
    """Validate the content of run.json without the fields that are unknown or cannot be read."""
    known = {key: value for key, value in content.items() if key in RunRecord.model_fields}
    try:
        return RunRecord.model_validate(known)
    except ValidationError as error:
        wrong = sorted({str(problem["loc"][0]) for problem in error.errors()})
        problems.append(f"run.json cannot be read in {', '.join(wrong)}: left out")
        kept = {key: value for key, value in known.items() if key not in wrong}
        return RunRecord.model_validate({**fallback, **kept})


def _json(file: Path, problems: list[str], *, shown: str = "") -> dict[str, Any] | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{shown or file.name} is missing")
        return None
    except (ValueError, OSError) as error:
        problems.append(f"{shown or file.name} cannot be read: {error}")
        return None
    if not isinstance(content, dict):
        problems.append(f"{shown or file.name} is no JSON object: left out")
        return None
    return content


def _frame(folder: Path, schema: FrameSchema, problems: list[str], *, shown: str = "") -> pd.DataFrame:
    file = folder / f"{schema.name}.csv"
    name = shown or file.name
    try:
        if not file.exists() or file.read_bytes()[-1:] == b"\n":
            return schema.read(file)
    except (RunFolderError, OSError):
        pass  # what can be read of it is read below, and the rest is reported
    return _salvaged(file, schema, name, problems)


def _salvaged(file: Path, schema: FrameSchema, name: str, problems: list[str]) -> pd.DataFrame:
    """Read a CSV without the lines at its end that a killed writer left half done.

    How many lines are good is found by bisection: damage is taken to run to the end of the file.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problems.append(f"{name} cannot be read: {error.strerror}")
        return schema.frame()
    lines = text.splitlines(keepends=True)
    good, bad = 0, len(lines) + text.endswith("\n")
    best = schema.frame()
    with TemporaryDirectory() as folder:
        part = Path(folder, file.name)
        while bad - good > 1:
            middle = (good + bad) // 2
            part.write_text("".join(lines[:middle]), encoding="utf-8")
            try:
                best, good = schema.read(part), middle
            except RunFolderError:
                bad = middle
    if good <= 1:
        problems.append(f"{name} is no {schema.name} frame: left out")
    else:
        problems.append(
            f"{name} is damaged: the last {len(lines) - good} of its {len(lines)} lines are left out"
        )
    return best


def _changed_since(run: RunFolder) -> list[str]:
    """Say which files of a finished run no longer have the checksum that it recorded."""
    if run.record.status != "complete":
        return []
    try:
        return [f"{name} is no longer as the run left it" for name in run.damaged()]
    except OSError as error:
        return [f"checksums cannot be checked: {error}"]


def _explain_status(run: Run) -> None:
    finished = int((run.trials["state"] != "running").sum())
    asked = f" of {run.record.num_trials}" if run.record.num_trials else ""
    says = {
        "running": f"the run has not ended: {finished}{asked} trials so far",
        "interrupted": f"the run was interrupted after {finished}{asked} trials; the same command resumes it",
        "failed": f"the run failed after {finished}{asked} trials",
        "infeasible": "the run ended without a network inside the budget",
    }
    if run.record.status in says:
        run.problems.insert(0, says[run.record.status])
    if run.record.status == "complete" and not run.winners:
        run.problems.append("there is no winner: winners/ is missing or empty")
