"""Measure the latency of models side by side.

Every batch size, dtype, memory format and engine asked for makes a row of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import torch
import typer
from rich.table import Table
from torch import Tensor, nn

from millinet.console import Console
from millinet.errors import ConfigError, MeasurementError
from millinet.frames import LATENCY
from millinet.latency import Budget, LatencySettings, layer_profile
from millinet.latency import profile as profile_models
from millinet.models import LoadedModel, load_model
from millinet.options import Device, Plugins, Threads
from millinet.tables import load_plugin

_LEFT: Final = ("model", "form", "status", "verdict")
_RIGHT: Final = ("batch", "latency", "interval", "p95", "MMACs", "params")
_WIDE: Final = 160
_SHAPE_HINT: Final = "write channels, height and width as in 3x224x224"


def profile(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Run folder, network:NAME, torchvision:NAME, timm:NAME or module:factory.",
        ),
    ],
    *,
    shape: Annotated[
        str | None,
        typer.Option("--input", help="CxHxW of one image; by default the model's, or 3x224x224."),
    ] = None,
    batch: Annotated[str, typer.Option(help="Images in one call: 1 or 1,8.")] = "1",
    dtype: Annotated[str, typer.Option(help="fp32, bf16, fp16, or several: fp32,bf16.")] = "fp32",
    memory_format: Annotated[str, typer.Option(help="channels_last, contiguous, or both.")] = "channels_last",
    engine: Annotated[str, typer.Option(help="torch, compile, onnxruntime, or several.")] = "torch",
    threads: Threads = 1,
    fold: Annotated[bool, typer.Option(help="Fold batch norms, as a deployed network has them.")] = True,
    budget: Annotated[
        str | None, typer.Option(help="2ms, p95<=3ms, 0.5x (of the first model), 0.5x:resnet50.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Coverage of the intervals, a fraction.")] = 0.95,
    device: Device = None,
    layers: Annotated[bool, typer.Option("--layers", help="Show each layer's share as well.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of latency.csv; rows are added.")] = Path("runs/profile"),
    plugin: Plugins = None,
) -> pd.DataFrame:
    """Measure models and print a table with intervals; the same rows are added to latency.csv.

    Models are visited in turn, so that all of them meet the same states of the machine.
    """
    for file in plugin or []:
        load_plugin(file)
    judged = None if budget is None else Budget.parse(budget)
    base = LatencySettings(threads=threads, fold=fold, confidence=confidence).under(judged)
    forms = _forms(base, batch=batch, dtype=dtype, memory_format=memory_format, engine=engine)
    asked = None if shape is None else parse_shape(shape)
    loaded = {source: _load(source, asked) for source in models}
    sizes = {asked or one.input_shape or (3, 224, 224) for one in loaded.values()}
    if len(sizes) > 1:
        raise ConfigError(f"the models take different inputs: {sorted(sizes)}; choose one with --input")
    example = torch.randn(1, *sizes.pop(), generator=torch.Generator().manual_seed(0))
    named = {source: one.model for source, one in loaded.items()}
    target = device or (judged.device if judged is not None else None)
    parts = [profile_models(named, example, device=target, settings=form, budget=judged) for form in forms]
    frame = pd.concat(parts, ignore_index=True)
    if (frame["status"] == "failed").all():
        raise MeasurementError(str(frame["cause"].iloc[0]))
    console = Console()
    # Away from a terminal rich assumes 80 columns, and would break the numbers apart.
    console = console if console.is_terminal else Console(width=_WIDE)
    console.print(_table(frame), soft_wrap=False)
    if layers:
        for source, model in named.items():
            console.print(_layer_table(source, model, example, forms[0], target), soft_wrap=False)
    path = out / "latency.csv"
    LATENCY.write(pd.concat([LATENCY.read(path), frame], ignore_index=True), path)
    console.print(f"rows added to {path}")
    return frame


def parse_shape(text: str) -> tuple[int, int, int]:
    """Read `3x224x224` as (channels, height, width).

    Raises:
        ConfigError: If it is anything else.
    """
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError(f"cannot read the input shape {text!r}; {_SHAPE_HINT}")
    channels, height, width = map(int, parts)
    return channels, height, width


def _forms(
    base: LatencySettings, *, batch: str, dtype: str, memory_format: str, engine: str
) -> list[LatencySettings]:
    """Return the settings of every combination asked for; a budget's own batch and dtype come first."""
    batches = [base.batch] if base.batch is not None else [_whole(text) for text in batch.split(",")]
    dtypes = dtype.split(",") if base.dtype == LatencySettings().dtype else [base.dtype]
    return [
        replace(base, batch=images, dtype=kind, memory_format=layout, engine=runner)
        for images, kind, layout, runner in product(
            batches, dtypes, memory_format.split(","), engine.split(",")
        )
    ]


def _whole(text: str) -> int:
    if not text.strip().isdecimal():
        raise ConfigError(f"--batch takes whole numbers such as 1,8, got {text!r}")
    return int(text)


def _load(source: str, shape: tuple[int, int, int] | None) -> LoadedModel:
    if shape is None or Path(source).is_dir():
        return load_model(source)
    return load_model(source, in_channels=shape[0], resolution=shape[1:])


def _table(frame: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in _LEFT:
        table.add_column(name, no_wrap=name != "form")
    for name in _RIGHT:
        table.add_column(name, justify="right", no_wrap=True)
    for row in frame.to_dict("records"):
        table.add_row(*_cells(row))
    return table


def _cells(row: Mapping[Any, Any]) -> list[str]:
    """Write one row as the columns of the table; a failed one shows its cause instead of numbers."""
    if row["status"] == "failed":
        return [row["model"], str(row["cause"]), "failed"]
    form = f"{row['engine']} {row['dtype']} {row['memory_format']}"
    return [
        row["model"],
        form,
        row["status"],
        "" if pd.isna(row["verdict"]) else row["verdict"],
        str(row["batch"]),
        f"{row['latency_ms']:.4g} ms",
        f"{row['latency_low_ms']:.4g} to {row['latency_high_ms']:.4g}",
        "-" if pd.isna(row["latency_p95_ms"]) else f"{row['latency_p95_ms']:.4g} ms",
        f"{row['macs'] / 1e6:.4g}",
        f"{row['parameters']:,}",
    ]


def _layer_table(
    name: str, model: nn.Module, example: Tensor, settings: LatencySettings, device: str | None
) -> Table:
    found = layer_profile(model, example, device=device, settings=settings)
    table = Table(title=f"{name}: {found.end_to_end_ms:.4g} ms", caption=found.note or None, box=None)
    for column in ("layer", "kind", "time", "share", "params"):
        table.add_column(column, justify="left" if column in ("layer", "kind") else "right")
    for layer in found.layers:
        table.add_row(
            layer.name, layer.kind, f"{layer.time_ms:.4g} ms", f"{layer.share:.1%}", f"{layer.parameters:,}"
        )
    return table
