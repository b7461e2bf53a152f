"""Modules that cut their own input: what has a method `keep_features(kept)`, as the sparse-coded head.

What such a module does inside mixes channels in ways only it knows, so for tracing a plain linear layer
stands in for it, and surgery asks the module itself.
"""

from collections.abc import Callable
from typing import Any, Final

from torch import Tensor, nn

from millinet.device import evaluating

METHOD: Final = "keep_features"
_STAND_IN: Final = "stand_in"


def is_reader(module: nn.Module) -> bool:
    """Tell whether a module cuts its own input channels."""
    return callable(getattr(module, METHOD, None))


def put_stand_ins(model: nn.Module, example: Tensor) -> list[str]:
    """Replace the outermost readers of a model by linear layers on channel means, in place.

    Args:
        model: Only good for tracing afterwards.
        example: An input batch, shape (batch, channels, height, width).

    Returns:
        The names of the readers that were replaced.
    """
    names: list[str] = []
    for name, module in model.named_modules():
        if name and is_reader(module) and not any(name.startswith(f"{outer}.") for outer in names):
            names.append(name)
    widths: dict[str, tuple[int, int]] = {}
    handles = [model.get_submodule(name).register_forward_hook(_recording(widths, name)) for name in names]
    try:
        with evaluating(model):
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    for name, (num_in, num_out) in widths.items():
        weight = next(model.get_submodule(name).parameters())
        model.set_submodule(name, _StandIn(num_in, num_out).to(weight))
    return list(widths)


def original_name(name: str) -> str:
    """Return the reader's name for that of its stand-in, and any other name as it is."""
    return name.removesuffix(f".{_STAND_IN}")


class _StandIn(nn.Module):
    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.add_module(_STAND_IN, nn.Linear(num_in, num_out))

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.get_submodule(_STAND_IN)(images.flatten(2).mean(2))
        return output


def _recording(widths: dict[str, tuple[int, int]], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def record(_: nn.Module, inputs: Any, output: Any) -> None:
        # Only what goes from a feature map to a vector is stood in for.
        if len(inputs) == 1 and inputs[0].dim() == 4 and isinstance(output, Tensor) and output.dim() == 2:
            widths[name] = inputs[0].shape[1], output.shape[1]

    return record
