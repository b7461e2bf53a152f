"""Train one network by a named recipe; resumable, and under torchrun."""

from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from millinet.console import Console
from millinet.data import DataSet, load_data
from millinet.data.telling import data_lines
from millinet.device import describe, evaluating
from millinet.errors import ConfigError, ModelError
from millinet.latency import Budget
from millinet.models import LoadedModel, load_model
from millinet.naming import run_name
from millinet.options import Data, Device, Plugins
from millinet.runs import RunFolder
from millinet.sources import SOURCES
from millinet.tables import load_plugin, names
from millinet.training import FitResult, Recipe, cross_validate, deal_folds, evaluate, fit, recipe_of
from millinet.training.fit import RETRY_FACTOR
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
    chosen = recipe_of(recipe)
    with torchrun_group(device) as place:
        console = Console(is_quiet=not ranks().is_first)
        images = load_data(data, seed=seed)
        if folds is not None:
            _check_folds(images, folds, seed, teacher)
        loaded = _build(model, images, seed)
        fresh = begin_from(loaded.model, weights) if weights else None
        guide = _teacher(teacher, images, seed) if teacher else None
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
        board = TensorBoard(folder / "tensorboard") if tensorboard and ranks().is_first else None
        run = open_training(folder, training) if ranks().is_first else None
        _open(console, training)
        if fresh:
            console.print(f"  {fresh} begins anew: {weights} knows other classes")
        listener = _listeners(run, chosen, console, board) if run else None
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
        for line in _incidents(result, chosen):
            console.print(line)
            run.note(line)
        if folds is not None:
            line = _by_folds(model, training, folds)
            console.print(line)
            run.note(line)
        if budget is not None:
            console.print(f"certified: {certify_training(run, training, budget, result).sentence()}")
    return result


def _listeners(run: RunFolder, recipe: Recipe, console: Console, board: TensorBoard | None) -> OnEpoch:
    listeners: list[OnEpoch] = [
        EpochLines(recipe.epochs, console.print),
        JsonLines(run.path / EPOCHS),
        partial(note_epoch, run),
    ]
    if board is not None:
        listeners.append(board)
    return together(listeners)


def _check_folds(images: DataSet, num_folds: int, seed: int, teacher: str | None) -> None:
    deal_folds(images, num_folds=num_folds, seed=seed)
    if teacher is not None:
        raise ConfigError(
            f"folds judge a network by images that nobody has trained on, and {teacher} has seen them; "
            f"leave out --folds or --teacher"
        )


def _by_folds(source: str, training: Training, num_folds: int) -> str:
    """Judge the recipe by networks that each leave out a part of the images, and say what came of it."""
    data = training.data
    channels, height, width = data.input_shape

    def begun() -> nn.Module:
        model = load_model(
            source, num_classes=data.num_classes, in_channels=channels, resolution=(height, width)
        ).model
        if training.weights is not None:
            begin_from(model, training.weights)
        return model

    found = cross_validate(
        begun,
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
        loaded = load_model(
            source, num_classes=images.num_classes, in_channels=channels, resolution=(height, width)
        )
    _check_answers(loaded, images)
    return loaded


def _check_answers(loaded: LoadedModel, images: DataSet) -> None:
    """Reject a network that cannot take the images, or knows other classes, before anything is written."""
    try:
        with evaluating(loaded.model):
            answers = loaded.model(torch.zeros(2, *images.input_shape))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        shape = "x".join(map(str, images.input_shape))
        raise ModelError(
            f"{loaded.name} cannot take images of {shape}: {str(error).strip().splitlines()[0]}"
        ) from error
    found = tuple(getattr(answers, "shape", ()))
    if found != (2, images.num_classes):
        raise ModelError(
            f"{loaded.name} must answer 2 images with (2, {images.num_classes}) numbers, one a class, got "
            f"{found or type(answers).__name__}; a factory is given num_classes where it has such a parameter"
        )


def _teacher(source: str, images: DataSet, seed: int) -> nn.Module:
    if source.partition(":")[0] in names(SOURCES, group="models"):
        raise ConfigError(
            f"a teacher must have been trained, and {source} has random weights; train it first and give its "
            f"run folder"
        )
    return _build(source, images, seed).model


def _open(console: Console, training: Training) -> None:
    info, images = describe(training.device), training.data
    console.print(f"{info.name}, threads {info.threads}, processes {ranks().size}")
    for line in data_lines(images, training.device):
        console.print(line)
    model = training.loaded.model
    parameters = sum(parameter.numel() for parameter in model.parameters())
    console.print(f"{training.loaded.name}: {parameters:,} parameters; recipe: {training.recipe}")
    note = faint_note(starting_signal(model, images))
    if note:
        console.print(f"  {note}")


def _incidents(result: FitResult, recipe: Recipe) -> list[str]:
    """Tell where the training could not be what the recipe says."""
    lines = []
    if result.num_retries:
        rate = recipe.learning_rate * RETRY_FACTOR**result.num_retries
        lines.append(
            f"the loss left the finite numbers, so the training was begun again at a tenth of the rate, "
            f"{rate:.3g} in the end"
        )
    if result.micro_batch < recipe.batch_size:
        lines.append(
            f"memory was short: at most {result.micro_batch} images went through the network at once, and "
            f"gradients were added up to batches of {recipe.batch_size}"
        )
    return lines


def _close(console: Console, training: Training, result: FitResult, folder: Path) -> None:
    judged = evaluate(training.loaded.model, training.data.validation, data=training.data)
    console.print(
        f"validation accuracy {judged.accuracy:.4f} (95%: {judged.low:.4f} to {judged.high:.4f}) "
        f"after {result.epochs} epochs in {result.seconds:.1f} s; {folder}",
    )
