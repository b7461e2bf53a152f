"""Turn what a user writes into a model: a winner's folder, a named network, or a function of their own.

| source | what it is |
|---|---|
| `runs/NAME` | the first winner of a run |
| `runs/NAME/winners/2` | that winner |
| `torchvision:resnet50` | a torchvision classifier, without pretrained weights |
| `timm:dpn92` | a timm model, where timm is installed |
| `network:resnet20` | a network of `search_spaces` |
| `architecture:FILE` | the architecture that a JSON file describes |
| `pkg.module:factory` | whatever the function returns |

No pickle is read: weights are safetensors or a state dict that `torch.load(weights_only=True)` accepts.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from millinet.errors import ModelError, RunFolderError
from millinet.files import write_text
from millinet.sources import SOURCES, build_source
from millinet.tables import pick
from millinet.weights import load_weights, save_weights
from millinet.widths import apply_widths


class LoadedModel(NamedTuple):
    """A model in eval mode on the CPU, and where it came from."""

    model: nn.Module
    name: str
    input_shape: tuple[int, int, int] | None
    """(channels, height, width) where the source knows it."""
    source: dict[str, Any]
    """What `save_model` writes to build it again: an architecture, or a source with its options."""


def load_model(
    source: str | Path,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    resolution: tuple[int, int] | None = None,
    weights: Path | None = None,
) -> LoadedModel:
    """Build the model a source names, with weights where there are any.

    Args:
        source: One of the forms in the module's table.
        num_classes: Classes of the classifier; None takes the source's own.
        in_channels: Channels of an input image; None takes the source's own.
        resolution: (height, width) of an input image, for sources that depend on it.
        weights: State dict (.pt, .pth) or .safetensors to load; a winner's folder brings its own.

    Raises:
        ModelError: If it cannot be built or the weights do not fit.
        UnknownNameError: If the scheme or the network's name is unknown.
    """
    path = Path(source)
    if path.suffix == ".pt2":
        raise ModelError(
            f"{path} is an exported graph, which can be run but no longer rebuilt or pruned; "
            f"give the run folder it was exported from, or the model's factory"
        )
    if path.is_dir():
        return _load_folder(_winner_folder(path))
    options = {"num_classes": num_classes, "in_channels": in_channels, "resolution": resolution}
    given = {key: value for key, value in options.items() if value is not None}
    model, name = build_source(str(source), given)
    if weights is not None:
        load_weights(model, weights)
    described = _description(str(source))
    if described is not None:
        return LoadedModel(model.eval(), Path(name).stem, _shape(described), described)
    return LoadedModel(model.eval(), name, _shape(given), {"source": str(source), **given})


def save_model(
    folder: Path, model: nn.Module, *, source: dict[str, Any], widths: dict[str, Any] | None = None
) -> None:
    """Write a model so that `load_model(folder)` gives it back, without pickle.

    Args:
        folder: Where architecture.json or source.json, widths.json and model.safetensors go.
        model: The model; its parameters and buffers are written as they are.
        source: As in `LoadedModel.source`.
        widths: As `millinet.widths.read_widths` gives them, for a pruned model.
    """
    name = "source.json" if "source" in source else "architecture.json"
    write_text(folder / name, json.dumps(source, indent=2) + "\n")
    if widths is not None:
        write_text(folder / "widths.json", json.dumps(widths, indent=2) + "\n")
    save_weights(model, folder / "model.safetensors")


def _description(source: str) -> dict[str, Any] | None:
    """Read what an architecture file says, so that what is saved no longer needs the file."""
    scheme, _, path = source.partition(":")
    return json.loads(Path(path).read_text(encoding="utf-8")) if scheme == "architecture" else None


def _winner_folder(path: Path) -> Path:
    if (path / "run.json").exists():
        path = path / "winners" / "1"
    if not (path / "model.safetensors").is_file():
        raise RunFolderError(
            f"{path} holds no trained network (no model.safetensors); run the search to its end"
        )
    return path


def _load_folder(folder: Path) -> LoadedModel:
    try:
        file = folder / ("source.json" if (folder / "source.json").exists() else "architecture.json")
        spec = json.loads(file.read_text(encoding="utf-8"))
        widths = folder / "widths.json"
        resized = json.loads(widths.read_text(encoding="utf-8")) if widths.exists() else None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{folder} cannot be read: {error}; restore it from its run") from error
    if "source" in spec:
        options = {key: value for key, value in spec.items() if key != "source"}
        model, name = build_source(spec["source"], options)
    else:
        model = pick("model source", "architecture", SOURCES, group="models")(spec)
        name = folder.parent.parent.name or folder.name
    if resized is not None:
        apply_widths(model, resized)
    load_weights(model, folder / "model.safetensors")
    return LoadedModel(model.eval(), name, _shape(spec), spec)


def _shape(spec: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Read (channels, height, width) of an image from an architecture, or from the options of a source."""
    if spec.get("in_channels") is None or spec.get("resolution") is None:
        return None
    height, width = spec["resolution"]
    return int(spec["in_channels"]), int(height), int(width)
