"""Train one network by a named recipe; resumable, and under torchrun on several devices."""

from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from torch import nn

from millinet.data import DataSet, load_data
from millinet.data.telling import data_lines
from millinet.device import describe
from millinet.errors import ConfigError
from millinet.latency import Budget
from millinet.models import LoadedModel, load_model
from millinet.naming import run_name
from millinet.options import Data, Device, Plugins
from millinet.runs import RunFolder
from millinet.tables import load_plugin
from millinet.training import FitResult, Recipe, cross_validate, evaluate, fit, recipe_of
from millinet.training.history import OnEpoch
from millinet.training.parallel import ranks, torchrun_group
from millinet.training.progress import EpochLines, JsonLines, TensorBoard, together
from millinet.training.starting_signal import faint_note, starting_signal
from millinet.training_run import (
    CHECKPOINT,
    EPOCHS,
    Training,
    certify_training,
    close_training,
    ending,
    note_epoch,
    open_training,
)
from millinet.weights import begin_from


def train(
    model: Annotated[
        str, typer.Argument(help="network:NAME, torchvision:NAME, timm:NAME, module:factory or a winner.")
    ],
    *,
    data: Data = "digits",
    recipe: Annotated[
        str, typer.Option(help="quick, full, small or recover; full,epochs=30,... changes it.")
    ] = "full",
    weights: Annotated[
        Path | None,
        typer.Option(help="Trained weights to begin with; a last layer for other classes begins anew."),
    ] = None,
    teacher: Annotated[str | None, typer.Option(help="A trained model to learn from as well.")] = None,
    latency_budget: Annotated[
        str | None, typer.Option(help="Certify the network against it: 2ms, 0.5x:resnet20, ...")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Judge the recipe by repeated k-fold as well, with so many folds.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides validation split, weights and training.")] = 0,
    device: Device = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/DATA-MODEL.")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard files too.")] = False,
    plugin: Plugins = None,
) -> FitResult:
    """Train a network into a run folder; the same command again continues where it stopped.

    The folder can be given to `millinet prune`, `profile`, `export` and `report` afterwards. The test split
    is read only for a certificate, where a latency budget is given.
    """
    for path in plugin or []:
        load_plugin(path)
    budget = Budget.parse(latency_budget) if latency_budget else None
    if folds is not None and folds < 2:
        raise ConfigError(f"k-fold needs at least 2 folds, got {folds}; 5 is usual")
    chosen = recipe_of(recipe)
    with torchrun_group(device) as place:
        console = Console(quiet=not ranks().is_first, soft_wrap=True, highlight=False)
        images = load_data(data, seed=seed)
        loaded = _build(model, images, seed)
        fresh = begin_from(loaded.model, weights) if weights else None
        guide = _build(teacher, images, seed).model if teacher else None
        training = Training(
            loaded=loaded,
            data=images,
            recipe=chosen,
            recipe_name=recipe,
            teacher=teacher,
            weights=weights,
            seed=seed,
            device=place,
        )
        folder = out or Path("runs") / run_name(data, loaded.name)
        run = open_training(folder, training) if ranks().is_first else None
        _open(console, training)
        if fresh:
            console.print(f"  {fresh} begins anew: {weights} knows other classes", markup=False)
        listener = _listeners(run, chosen, console, with_tensorboard=tensorboard) if run else None
        with ending(run):
            result = fit(
                loaded.model,
                images,
                chosen,
                device=place,
                seed=seed,
                teacher=guide,
                on_epoch=listener,
                checkpoint=folder / CHECKPOINT,
            )
    if run is not None:
        close_training(run, training, result)
        _close(console, training, result, folder)
        if folds is not None:
            line = _by_folds(model, training, folds)
            console.print(line)
            run.note(line)
        if budget is not None:
            console.print(f"certified: {certify_training(run, training, budget, result).sentence()}")
    return result


def _listeners(run: RunFolder, recipe: Recipe, console: Console, *, with_tensorboard: bool) -> OnEpoch:
    listeners: list[OnEpoch] = [
        EpochLines(recipe.epochs, console.print),
        JsonLines(run.path / EPOCHS),
        partial(note_epoch, run),
    ]
    if with_tensorboard:
        listeners.append(TensorBoard(run.path / "tensorboard"))
    return together(listeners)


def _by_folds(source: str, training: Training, num_folds: int) -> str:
    """Judge the recipe by networks that each leave out a part of the images, and say what came of it."""
    data = training.data
    channels, height, width = data.input_shape

    def untrained() -> nn.Module:
        return load_model(
            source, num_classes=data.num_classes, in_channels=channels, resolution=(height, width)
        ).model

    found = cross_validate(
        untrained,
        data,
        training.recipe,
        num_folds=num_folds,
        device=training.device,
        seed=training.seed,
    )
    accuracy, low, high = found.interval
    return (
        f"accuracy by {num_folds} folds, dealt {len(found.accuracies) // num_folds} times: {accuracy:.4f} "
        f"(95%: {low:.4f} to {high:.4f}) over {found.num_images} images"
    )


def _build(source: str, images: DataSet, seed: int) -> LoadedModel:
    channels, height, width = images.input_shape
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return load_model(
            source, num_classes=images.num_classes, in_channels=channels, resolution=(height, width)
        )


def _open(console: Console, training: Training) -> None:
    info, images = describe(training.device), training.data
    console.print(f"{info.name}, threads {info.threads}, processes {ranks().size}")
    for line in data_lines(images, training.device):
        console.print(line, markup=False)
    model = training.loaded.model
    parameters = sum(parameter.numel() for parameter in model.parameters())
    console.print(f"{training.loaded.name}: {parameters:,} parameters; recipe: {training.recipe}")
    note = faint_note(starting_signal(model, images))
    if note:
        console.print(f"  {note}", markup=False)


def _close(console: Console, training: Training, result: FitResult, folder: Path) -> None:
    judged = evaluate(training.loaded.model, training.data.validation, data=training.data)
    console.print(
        f"validation accuracy {judged.accuracy:.4f} (95%: {judged.low:.4f} to {judged.high:.4f}) "
        f"after {result.epochs} epochs in {result.seconds:.1f} s; {folder}",
        markup=False,
    )
