"""The schema of every frame: column, dtype, unit and meaning, in one place.

Frames travel as CSV, so every dtype here survives a round trip through text: nullable integers and booleans,
floats with NaN for "not measured", and strings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from millinet.errors import RunFolderError
from millinet.files import replacing


class Column(NamedTuple):
    """One column of a frame."""

    dtype: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class FrameSchema:
    """The columns a frame has, in order."""

    name: str
    columns: Mapping[str, Column]

    def frame(self, rows: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
        """Build a frame from rows; a column a row lacks is missing there.

        Raises:
            ValueError: If a row has a column the schema does not know.
        """
        listed = list(rows)
        foreign = {key for row in listed for key in row} - set(self.columns)
        if foreign:
            raise ValueError(
                f"{self.name} frame has no column {sorted(foreign)}; it has {list(self.columns)}"
            )
        frame = pd.DataFrame({name: [row.get(name) for row in listed] for name in self.columns})
        return frame.astype({name: column.dtype for name, column in self.columns.items()})

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` unchanged, or say how it differs.

        Raises:
            ValueError: If a column is missing, extra, or of another dtype.
        """
        found = {str(column): str(dtype) for column, dtype in frame.dtypes.items()}
        expected = {name: column.dtype for name, column in self.columns.items()}
        if found != expected:
            differing = sorted(key for key in found | expected if found.get(key) != expected.get(key))
            raise ValueError(
                f"{self.name} frame differs from its schema in {differing}; rebuild it with .frame()"
            )
        return frame

    def write(self, frame: pd.DataFrame, path: Path) -> None:
        """Write `frame` as CSV, atomically."""
        self.check(frame)
        with replacing(path) as partial:
            frame.to_csv(partial, index=False)

    def read(self, path: Path) -> pd.DataFrame:
        """Read a CSV back with the schema's dtypes; a missing file is an empty frame.

        Columns of a newer version are dropped, columns an older version lacks are missing values.

        Raises:
            RunFolderError: If the file is not a CSV of this frame.
        """
        if not path.exists():
            return self.frame()
        try:
            text = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
            frame = pd.DataFrame(
                {name: text.get(name, pd.Series(pd.NA, text.index)) for name in self.columns}
            )
            return pd.DataFrame(
                {name: _parse(frame[name], column.dtype) for name, column in self.columns.items()}
            )
        except (ValueError, TypeError, OSError, pd.errors.ParserError) as error:
            raise RunFolderError(
                f"{path} is not a {self.name} frame: {error}; delete it or restore it"
            ) from error


def _parse(texts: "pd.Series[Any]", dtype: str) -> "pd.Series[Any]":
    if dtype == "boolean":
        texts = texts.map({"True": True, "False": False}, na_action="ignore")
    elif dtype in ("Int64", "float64"):
        texts = pd.to_numeric(texts)
    return texts.astype(pd.api.types.pandas_dtype(dtype))


_LATENCY: Final[dict[str, Column]] = {
    "latency_ms": Column("float64", "paired estimate of one forward pass", "ms"),
    "latency_low_ms": Column("float64", "lower end of its interval", "ms"),
    "latency_high_ms": Column("float64", "upper end of its interval", "ms"),
    "latency_p95_ms": Column(
        "float64", "95th percentile of single calls; missing where calls are too few", "ms"
    ),
}

TRIALS: Final = FrameSchema(
    "trials",
    {
        "trial": Column("Int64", "number of the trial in its study"),
        "state": Column(
            "str", "complete, pruned early, over budget, undecided, duplicate, failed or running"
        ),
        "architecture": Column("str", "the candidate, readable"),
        "fingerprint": Column("str", "hash of its architecture"),
        "blocks": Column("str", "block type of each stage"),
        "head": Column("str", "classifier head"),
        "parameters": Column("Int64", "trainable parameters"),
        "macs": Column("Int64", "multiply-adds of one forward pass at batch 1"),
        "memory_mib": Column("float64", "largest sum of live activations at batch 1", "MiB"),
        **_LATENCY,
        "energy_mj": Column("float64", "energy of one call at the board; missing on a CPU", "mJ"),
        "budget_ms": Column("float64", "the limit it was judged by", "ms"),
        "verdict": Column("str", "meets, fails or undecided"),
        "accuracy": Column("float64", "best validation accuracy, a fraction"),
        "value": Column("float64", "what an objective of the user's own came to; higher is better"),
        "epochs": Column("Int64", "epochs trained"),
        "measure_seconds": Column("float64", "time spent measuring latency", "s"),
        "train_seconds": Column("float64", "time spent training", "s"),
        "started": Column("str", "UTC, ISO 8601"),
        "cause": Column("str", "why it failed, or had to be tried again"),
        "health": Column("str", "what parts of the trained network said of themselves, as JSON"),
        "params": Column("str", "the point of the space, as JSON"),
    },
)

LATENCY: Final = FrameSchema(
    "latency",
    {
        "model": Column("str", "name given to the model"),
        "fingerprint": Column("str", "hash of its architecture, where it has one"),
        **_LATENCY,
        "latency_p99_ms": Column(
            "float64", "99th percentile of single calls; missing where calls are too few", "ms"
        ),
        "wall_median_ms": Column("float64", "median of the raw calls", "ms"),
        "device_ms": Column("float64", "between GPU events around the launch; missing on a CPU", "ms"),
        "graph_ms": Column("float64", "replay of a CUDA graph; missing on a CPU", "ms"),
        "energy_mj": Column("float64", "energy of one call at the board; missing on a CPU", "mJ"),
        "reference": Column("str", "network it was compared with, visit by visit"),
        "ratio": Column("float64", "latency over that network's"),
        "ratio_low": Column("float64", "lower end of its interval"),
        "ratio_high": Column("float64", "upper end of its interval"),
        "share_undisturbed": Column("float64", "calls that nothing else on the core disturbed, a fraction"),
        "confidence": Column("float64", "coverage the interval claims, a fraction"),
        "num_visits": Column("Int64", "visits, apart in time"),
        "num_calls": Column("Int64", "timed calls"),
        "num_processes": Column("Int64", "fresh processes measured"),
        "budget_ms": Column("float64", "the limit judged by, if any", "ms"),
        "verdict": Column("str", "meets, fails or undecided"),
        "status": Column("str", "ok, noisy, contended, throttled or failed"),
        "cause": Column("str", "why a measurement failed"),
        "parameters": Column("Int64", "trainable parameters"),
        "macs": Column("Int64", "multiply-adds of one forward pass at batch 1"),
        "memory_mib": Column("float64", "largest sum of live activations at this batch", "MiB"),
        "engine": Column("str", "torch, compile or onnxruntime"),
        "device": Column("str", "device asked for, as torch writes it"),
        "device_name": Column("str", "what the hardware calls itself"),
        "driver": Column("str", "driver version, on an accelerator"),
        "threads": Column("Int64", "intra-op threads"),
        "clock_mhz": Column("float64", "clock at the time, where it can be read", "MHz"),
        "dtype": Column("str", "fp32, bf16 or fp16"),
        "batch": Column("Int64", "images in one call"),
        "memory_format": Column("str", "channels_last or contiguous"),
        "folded": Column("boolean", "whether batch norms were folded"),
        "torch": Column("str", "version of torch"),
        "commit": Column("str", "version or commit of millinet"),
        "time": Column("str", "UTC, ISO 8601"),
    },
)

HISTORY: Final = FrameSchema(
    "history",
    {
        "model": Column("str", "trial:N, winner:RANK or recovery:RANK"),
        "phase": Column("str", "search, final or recovery"),
        "epoch": Column("Int64", "counted from 1"),
        "learning_rate": Column("float64", "at the end of the epoch"),
        "train_loss": Column("float64", "mean over the epoch, in nats"),
        "accuracy": Column("float64", "validation accuracy, a fraction"),
        "images_per_second": Column("float64", "training speed", "1/s"),
        "seconds": Column("float64", "time of the epoch with its evaluation", "s"),
    },
)

LAYERS: Final = FrameSchema(
    "layers",
    {
        "layer": Column("str", "module name"),
        "kind": Column("str", "class of the module"),
        "group": Column("Int64", "channel group that decides its output width; missing where none does"),
        "in_before": Column("Int64", "input channels before pruning"),
        "in_after": Column("Int64", "input channels after pruning"),
        "out_before": Column("Int64", "output channels before pruning"),
        "out_after": Column("Int64", "output channels after pruning"),
        "parameters_before": Column("Int64", "parameters before pruning"),
        "parameters_after": Column("Int64", "parameters after pruning"),
        "macs_before": Column("Int64", "multiply-adds before pruning"),
        "macs_after": Column("Int64", "multiply-adds after pruning"),
        "share_before": Column("float64", "share of the latency before pruning, a fraction"),
        "share_after": Column("float64", "share of the latency after pruning, a fraction"),
        "note": Column("str", "why a group was left alone, or what else to know"),
    },
)

PREDICTIONS: Final = FrameSchema(
    "predictions",
    {
        "label": Column("Int64", "index of the true class of a test image, in the order of the split"),
        "predicted": Column("Int64", "index of the class the network chose"),
    },
)

CANDIDATES: Final = FrameSchema(
    "candidates",
    {
        "run": Column("str", "name of the run"),
        "candidate": Column("str", "trial N, winner RANK, winner RANK before pruning, or a profiled model"),
        "kind": Column("str", "trial, winner, before or profile"),
        "rank": Column("Int64", "place among the winners, from 1"),
        "trial": Column("Int64", "number of the trial it came from"),
        "architecture": Column("str", "the network, readable"),
        "fingerprint": Column("str", "hash of its architecture"),
        "blocks": Column("str", "block type of each stage"),
        "head": Column("str", "classifier head"),
        "parameters": Column("Int64", "trainable parameters"),
        "macs": Column("Int64", "multiply-adds of one forward pass at batch 1"),
        "memory_mib": Column("float64", "largest sum of live activations at this batch", "MiB"),
        **_LATENCY,
        "device": Column("str", "what the hardware calls itself"),
        "threads": Column("Int64", "intra-op threads"),
        "dtype": Column("str", "fp32, bf16 or fp16"),
        "batch": Column("Int64", "images in one call"),
        "data": Column("str", "data set and its fingerprint"),
        "budget": Column("str", "the budget as asked for, with the quantile it limits"),
        "budget_ms": Column("float64", "the limit it was judged by", "ms"),
        "verdict": Column("str", "meets, fails or undecided"),
        "accuracy": Column("float64", "share of images classified correctly, a fraction"),
        "accuracy_low": Column("float64", "lower end of its 95% interval (Wilson)"),
        "accuracy_high": Column("float64", "upper end of its 95% interval (Wilson)"),
        "split": Column("str", "the images it was evaluated on: validation or test"),
        "validation_accuracy": Column("float64", "what it was chosen by, a fraction"),
        "state": Column(
            "str", "complete, pruned early, over budget, undecided, duplicate, failed or running"
        ),
        "cause": Column("str", "why it failed"),
        "seconds": Column("float64", "time spent measuring and training it", "s"),
        "is_front": Column("boolean", "whether no other of its run, split and setting is better in both"),
    },
)

SEARCH: Final = FrameSchema(
    "search",
    {
        "run": Column("str", "name of the run"),
        "trial": Column("Int64", "number of the trial in its study"),
        "order": Column("Int64", "place in time, from 1"),
        "seconds": Column("float64", "time from the start of the first trial to the end of this one", "s"),
        "work_seconds": Column("float64", "time spent on trials so far", "s"),
        "best_accuracy": Column(
            "float64", "highest validation accuracy inside the budget so far, a fraction"
        ),
        "hypervolume": Column(
            "float64", "share of the rectangle from accuracy 0 at the limit that is dominated"
        ),
        "limit_ms": Column(
            "float64", "latency at which that rectangle ends, the same for all runs of a device", "ms"
        ),
        "share_within": Column("float64", "share of measured proposals inside the budget so far, a fraction"),
    },
)

COMPARISON: Final = FrameSchema(
    "comparison",
    {
        "run": Column("str", "name of the run"),
        "candidate": Column("str", "winner RANK, or a profiled model"),
        "baseline": Column("str", "run and candidate compared with"),
        "split": Column("str", "the images both were evaluated on: validation or test"),
        "accuracy_difference": Column("float64", "accuracy less the baseline's, a fraction"),
        "accuracy_low": Column("float64", "lower end of its 95% interval"),
        "accuracy_high": Column("float64", "upper end of its 95% interval"),
        "accuracy_says": Column("str", "better, worse or no difference; empty where not comparable"),
        "accuracy_paired": Column("boolean", "whether the same images were compared one by one"),
        "latency_ratio": Column("float64", "latency over the baseline's"),
        "latency_low": Column("float64", "lower end of its interval"),
        "latency_high": Column("float64", "upper end of its interval"),
        "latency_says": Column("str", "faster, slower or no difference; empty where not comparable"),
        "latency_paired": Column("boolean", "whether both were timed in turns against one reference"),
        "parameters_ratio": Column("float64", "parameters over the baseline's"),
        "macs_ratio": Column("float64", "multiply-adds over the baseline's"),
        "note": Column("str", "why something is not compared"),
    },
)

CHOICES: Final = FrameSchema(
    "choices",
    {
        "run": Column("str", "name of the run"),
        "choice": Column("str", "parameter of the space"),
        "option": Column("str", "value, or range of values, taken"),
        "target": Column("str", "accuracy or latency"),
        "num_trials": Column("Int64", "trials that took the option and have the target"),
        "low": Column("float64", "first quartile of the target: a fraction, or ms"),
        "median": Column("float64", "median of the target"),
        "high": Column("float64", "third quartile of the target"),
        "importance": Column(
            "float64", "share of the target's variance the choice explains (epsilon squared)"
        ),
    },
)

FRAMES: Final[Mapping[str, FrameSchema]] = {
    schema.name: schema
    for schema in (TRIALS, LATENCY, HISTORY, LAYERS, PREDICTIONS, CANDIDATES, SEARCH, COMPARISON, CHOICES)
}
