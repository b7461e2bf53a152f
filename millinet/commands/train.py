"""Train one network by a named recipe; resumable, and under torchrun on several devices."""

from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from torch import nn

from millinet.data import DataSet, load_data, placement
from millinet.device import describe
from millinet.models import LoadedModel, load_model, save_model
from millinet.tables import load_plugin, pick
from millinet.training import RECIPES, FitResult, Recipe, evaluate, fit
from millinet.training.history import OnEpoch
from millinet.training.parallel import ranks, torchrun_group
from millinet.training.progress import EpochLines, JsonLines, TensorBoard, together
from millinet.training.starting_signal import faint_note, starting_signal


def train(
    model: Annotated[
        str, typer.Argument(help="network:NAME, torchvision:NAME, timm:NAME, module:factory or a winner.")
    ],
    *,
    data: Annotated[
        str, typer.Option(help="digits, folder:PATH, csv:FILE, cifar10, module:factory.")
    ] = "digits",
    recipe: Annotated[str, typer.Option(help="quick, full, small or recover.")] = "full",
    teacher: Annotated[str | None, typer.Option(help="A trained model to learn from as well.")] = None,
    seed: Annotated[int, typer.Option(help="Decides validation split, weights and training.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N; by default a GPU if any.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the weights, the checkpoint and epochs.jsonl.")] = Path(
        "runs/train"
    ),
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard files too.")] = False,
    plugin: Annotated[list[Path] | None, typer.Option(help="Python file to load first; is run.")] = None,
) -> FitResult:
    """Train a network; the same command again continues where it stopped.

    The folder can be given to `millinet profile` and `millinet prune` afterwards. The test split is not read.
    """
    for path in plugin or []:
        load_plugin(path)
    chosen: Recipe = pick("recipe", recipe, RECIPES, group="recipes")
    with torchrun_group(device) as place:
        console = Console(quiet=not ranks().is_first, soft_wrap=True, highlight=False)
        images = load_data(data, seed=seed)
        loaded = _build(model, images, seed)
        guide = _build(teacher, images, seed).model if teacher else None
        _open(console, images, loaded, chosen, place)
        listeners: list[OnEpoch] = [EpochLines(chosen.epochs, console.print), JsonLines(out / "epochs.jsonl")]
        if tensorboard:
            listeners.append(TensorBoard(out / "tensorboard"))
        result = fit(
            loaded.model,
            images,
            chosen,
            device=place,
            seed=seed,
            teacher=guide,
            on_epoch=together(listeners),
            checkpoint=out / "checkpoint.pt",
        )
        if ranks().is_first:
            save_model(out, loaded.model, source=loaded.source)
            _close(console, images, loaded.model, result, out)
    return result


def _build(source: str, images: DataSet, seed: int) -> LoadedModel:
    channels, height, width = images.input_shape
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return load_model(
            source, num_classes=images.num_classes, in_channels=channels, resolution=(height, width)
        )


def _open(
    console: Console, images: DataSet, loaded: LoadedModel, recipe: Recipe, device: torch.device
) -> None:
    info = describe(device)
    parts = ", ".join(f"{count} {part}" for part, count in images.sizes().items())
    where = {"device": "on the device", "host": "in host memory", "disk": "read from disk when needed"}
    console.print(f"{info.name}, threads {info.threads}, processes {ranks().size}")
    console.print(f"{images.spec}: {parts} images, {where[placement(images.train, device)]}")
    for line in [*images.notes, *(f"skipped {entry}" for entry in images.skipped)]:
        console.print(f"  {line}", markup=False)
    parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    console.print(f"{loaded.name}: {parameters:,} parameters; recipe: {recipe}")
    note = faint_note(starting_signal(loaded.model, images))
    if note:
        console.print(f"  {note}", markup=False)


def _close(console: Console, images: DataSet, model: nn.Module, result: FitResult, out: Path) -> None:
    judged: Any = evaluate(model, images.validation, data=images)
    console.print(
        f"validation accuracy {judged.accuracy:.4f} (95%: {judged.low:.4f} to {judged.high:.4f}) "
        f"after {result.epochs} epochs in {result.seconds:.1f} s; {out}"
    )
