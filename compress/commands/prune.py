"""Prune a trained network, or the winners of a run."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from compress.allocation import ALLOCATIONS
from compress.config import PruneConfig
from compress.criteria import CRITERIA
from compress.pruning_run import prune_model, prune_run
from compress.winner import Job
from millinet.console import Console
from millinet.data import DataSet, load_data
from millinet.data.telling import data_lines
from millinet.device import resolve_device
from millinet.errors import ConfigError
from millinet.latency import Budget, LatencyMeter, LatencySettings
from millinet.models import LoadedModel, load_model
from millinet.naming import run_name
from millinet.options import Plugins
from millinet.runs import RunFolder
from millinet.tables import load_plugin, pick
from millinet.training import recipe_of


def prune(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN_OR_MODEL",
            help="A run folder, torchvision:NAME, timm:NAME, network:NAME or pkg.module:factory.",
        ),
    ],
    *,
    latency_budget: Annotated[
        str, typer.Option(help="2ms, or a ratio of the network's own latency: 0.5x.")
    ] = "0.7x",
    data: Annotated[
        str | None, typer.Option(help="Images to recover on; by default those of the run.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="State dict or .safetensors of the trained model.")
    ] = None,
    criterion: Annotated[str, typer.Option(help=f"How channels are scored: {', '.join(CRITERIA)}.")] = "l2",
    allocation: Annotated[
        str, typer.Option(help=f"How widths are chosen: {', '.join(ALLOCATIONS)}.")
    ] = "knapsack",
    steps: Annotated[int, typer.Option(help="Rounds of pruning and recovery.")] = 1,
    remove_blocks: Annotated[bool, typer.Option(help="Whether residual blocks may go whole.")] = True,
    protect: Annotated[
        list[str] | None, typer.Option(help="Module whose width stays; may be repeated.")
    ] = None,
    round_to: Annotated[
        int | None, typer.Option(help="Widths are multiples of this; by default 8 on a GPU.")
    ] = None,
    min_channels: Annotated[int, typer.Option(help="Channels every layer keeps at least.")] = 4,
    max_removed: Annotated[
        float, typer.Option(help="Fraction of a layer's channels that may go at most.")
    ] = 0.9,
    tolerance: Annotated[
        float,
        typer.Option(help="Validation accuracy a run's winner may lose before a milder ratio is tried."),
    ] = 0.01,
    recipe: Annotated[
        str, typer.Option(help="Training recipe of the recovery; recover,epochs=5,... changes it.")
    ] = "recover",
    sparsity: Annotated[
        float,
        typer.Option(help="Strength of a sparse training before the pruning; 0 is none, 0.01 usual."),
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the split and the recovery.")] = 0,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:N; by default that of the run.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder for a model; by default runs/DATA-MODEL.")
    ] = None,
    plugin: Plugins = None,
) -> Path:
    """Prune a trained network to a latency budget, recover it, and certify what is left.

    The winners of a run folder are replaced by their pruned form, and kept unpruned in `before`; where
    recovery loses more than the tolerance, milder ratios are tried and the last resort is the network as it
    was. Any other model gets a run folder of its own.
    """
    for file in plugin or []:
        load_plugin(file)
    budget = Budget.parse(latency_budget)
    pick("criterion", criterion, CRITERIA, group="criteria")
    pick("allocation", allocation, ALLOCATIONS)
    recovery = recipe_of(recipe)
    _check_numbers(tolerance, sparsity)
    run = _run(source, weights, out)
    images = _images(source, data, run)
    place = str(resolve_device(device or (run.record.device.get("device") if run else budget.device)))
    config = PruneConfig(
        budget=budget,
        criterion=criterion,
        allocation=allocation,
        steps=steps,
        remove_blocks=remove_blocks,
        protect=tuple(protect or ()),
        round_to=round_to,
        min_channels=min_channels,
        max_removed=max_removed,
        device=place,
    )
    console = Console()

    def tell(line: str) -> None:
        console.print(line)

    loaded_data = load_data(images, seed=seed)
    for line in data_lines(loaded_data, torch.device(place)):
        tell(line)
    with LatencyMeter(place, _settings(run).under(budget)) as meter:
        job = Job(
            data=loaded_data,
            device=place,
            meter=meter,
            config=config,
            recipe=recovery,
            seed=seed,
            tolerance=tolerance,
            tell=tell,
            sparsity=sparsity,
        )
        if run is not None:
            for line in prune_run(run, job, budget):
                tell(line)
            return run.path
        loaded = _loaded(source, weights, loaded_data, seed)
        if weights is None:
            tell(
                f"{source} comes without --weights: what is pruned is untrained unless its source loads some"
            )
        folder = out or Path("runs") / run_name(loaded_data.spec, loaded.name, "pruned")
        for line in prune_model(folder, loaded, job, budget).record.notes:
            tell(line)
        return folder


def _loaded(source: str, weights: Path | None, data: DataSet, seed: int) -> LoadedModel:
    """Build a model for the images; without weights it is the same each time, so pruning can go on."""
    channels, height, width = data.input_shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return load_model(
            source,
            num_classes=data.num_classes,
            in_channels=channels,
            resolution=(height, width),
            weights=weights,
        )


def _run(source: str, weights: Path | None, out: Path | None) -> RunFolder | None:
    """Open the run that is to be pruned; None where the source is a model."""
    if not Path(source).is_dir():
        return None
    for name, value in (("weights", weights), ("out", out)):
        if value is not None:
            raise ConfigError(
                f"{source} is a run folder, whose winners have their weights and are pruned in their place, "
                f"got --{name} {value}; leave it out"
            )
    path = Path(source)
    if path.parent.name == "winners":
        raise ConfigError(
            f"{source} is one winner; those of a run are pruned together; give the run, {path.parent.parent}"
        )
    return RunFolder.open(path)


def _check_numbers(tolerance: float, sparsity: float) -> None:
    if not 0.0 <= tolerance <= 1.0:
        raise ConfigError(f"tolerance is a fraction in [0, 1], got {tolerance:g}; one percent is 0.01")
    if not 0.0 <= sparsity < float("inf"):
        raise ConfigError(f"sparsity is a strength of 0 or more, got {sparsity:g}; 0 is none, 0.01 usual")


def _images(source: str, data: str | None, run: RunFolder | None) -> str:
    if data is not None:
        return data
    if run is None:
        raise ConfigError(
            f"{source} is no run folder, and a model needs images to recover on; "
            f"give a run, or add --data, for example --data digits"
        )
    return str(run.record.data["spec"])


def _settings(run: RunFolder | None) -> LatencySettings:
    """Measure as the run did, so that before and after compare."""
    for winner in run.winners() if run else []:
        if winner.certificate is not None:
            return LatencySettings(**winner.certificate.settings)
    return LatencySettings()
