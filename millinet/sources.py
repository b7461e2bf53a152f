"""Where models come from: one function a scheme, and a user's own factory."""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from torch import nn

from millinet.errors import ModelError
from millinet.tables import names, pick

Source = Callable[..., nn.Module]


def build_source(source: str, options: dict[str, Any]) -> tuple[nn.Module, str]:
    """Build the model that `scheme:name` stands for, and return it with its name.

    Args:
        source: `torchvision:NAME`, another scheme of the table or of an entry point, or `pkg.module:factory`.
        options: num_classes, in_channels and resolution, each where known.

    Raises:
        ModelError: If it cannot be built.
        UnknownNameError: If the scheme or the name is unknown.
    """
    scheme, separator, name = source.partition(":")
    if not separator:
        known = ", ".join(f"{known}:NAME" for known in names(SOURCES, group="models"))
        raise ModelError(f"a model is a run folder, {known} or pkg.module:factory; got {source!r}")
    if scheme in names(SOURCES, group="models"):
        return pick("model source", scheme, SOURCES, group="models")(name, **options), name
    module = _imported(scheme)
    if module is None:
        if "." not in scheme:  # more likely a mistyped scheme than a module
            pick("model source", scheme, SOURCES, group="models")
        raise ModelError(f"no module {scheme!r} to take {name!r} from; is it installed or in this folder?")
    return _call_factory(module, name, options), name


def _imported(name: str) -> ModuleType | None:
    """Import a module that is installed or lies in the working folder; None where there is none."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return import_module(name)
    except Exception as error:  # whatever a user's module raises is one line for its author
        # Not a module that this one imports in turn: its absence is the author's to mend.
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            return None
        raise ModelError(f"module {name!r} does not run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)


def _call_factory(module: ModuleType, attribute: str, options: dict[str, Any]) -> nn.Module:
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ModelError(f"{module.__name__} has no function {attribute!r}; give pkg.module:factory")
    try:
        accepted = inspect.signature(function).parameters
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
        model = function(**{key: value for key, value in options.items() if takes_all or key in accepted})
    except Exception as error:  # whatever a user's factory raises is one line for its author
        raise ModelError(f"{module.__name__}:{attribute} raised {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"{module.__name__}:{attribute} must return an nn.Module, got {type(model).__name__}"
        )
    return model


def _torchvision_source(
    name: str, *, num_classes: int | None = None, in_channels: int | None = None, resolution: Any = None
) -> nn.Module:
    from torchvision import models  # torchvision takes a second to import

    del resolution
    builder = pick("torchvision model", name, {known: known for known in models.list_models(module=models)})
    options = {} if num_classes is None else {"num_classes": num_classes}
    if builder in ("googlenet", "inception_v3"):
        # Their auxiliary classifiers exist for training only, and warn where initialisation is left open.
        options |= {"aux_logits": False, "init_weights": True}
    model: nn.Module = models.get_model(builder, weights=None, **options)
    if in_channels is not None:
        _set_in_channels(model, in_channels)
    return model


def _timm_source(
    name: str, *, num_classes: int | None = None, in_channels: int | None = None, resolution: Any = None
) -> nn.Module:
    try:
        import timm  # an optional dependency
    except ImportError as error:
        raise ModelError(f"timm:{name} needs timm; pip install timm") from error
    del resolution
    pick("timm model", name, {known: known for known in timm.list_models()})
    options: dict[str, Any] = {"num_classes": num_classes, "in_chans": in_channels}
    given = {key: value for key, value in options.items() if value is not None}
    return timm.create_model(name, pretrained=False, **given)


def _set_in_channels(model: nn.Module, in_channels: int) -> None:
    name, first = next(
        (name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d)
    )
    if first.in_channels == in_channels:
        return
    owner, _, attribute = name.rpartition(".")
    replacement = nn.Conv2d(
        in_channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(model.get_submodule(owner), attribute, replacement)


SOURCES: Final[dict[str, Source]] = {"torchvision": _torchvision_source, "timm": _timm_source}
