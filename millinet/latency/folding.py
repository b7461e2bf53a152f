"""Fold batch norms into the layer before them, as every deployed network has them."""

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.nn.utils.parametrize import is_parametrized

from millinet.deploy import reparameterise
from millinet.device import evaluating

_CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class _Pair(NamedTuple):
    """The names of a layer and of the batch norm that reads its output."""

    layer: str
    norm: str


def inference_form(model: nn.Module, example: Tensor) -> nn.Module:
    """Return the copy in eval mode that is deployed: branches merged, then batch norms folded.

    Args:
        model: Left as it is.
        example: Input, shape (batch, ...), on the model's device.
    """
    return fold_batch_norms(reparameterise(model), example)


def fold_batch_norms(model: nn.Module, example: Tensor) -> nn.Module:
    """Return a copy in eval mode whose batch norms are folded into the convolution or linear layer before.

    Which norm follows which layer is read off one forward pass, so any model that runs can be folded. A norm
    stays where its layer is called more than once or where folding would change the output, which is checked.

    Args:
        model: Left as it is.
        example: Input, shape (batch, ...), on the model's device.
    """
    original = copy.deepcopy(model).eval()
    pairs, expected = _follow(original, example)
    folded = _fold(original, _exact(original, pairs, example, expected))
    return folded if _gives(folded, example, expected) else original


def _exact(model: nn.Module, pairs: Sequence[_Pair], example: Tensor, expected: Any) -> Sequence[_Pair]:
    """Return the pairs that can be folded without changing the output.

    A layer may be read elsewhere too, as where a residual branch opens with a norm. Halving finds such
    layers among many in a handful of passes.
    """
    if not pairs or _gives(_fold(model, pairs), example, expected):
        return pairs
    if len(pairs) == 1:
        return []
    middle = len(pairs) // 2
    halves = (pairs[:middle], pairs[middle:])
    return [pair for half in halves for pair in _exact(model, half, example, expected)]


def _fold(model: nn.Module, pairs: Sequence[_Pair]) -> nn.Module:
    folded = copy.deepcopy(model)
    for pair in pairs:
        layer, norm = folded.get_submodule(pair.layer), folded.get_submodule(pair.norm)
        fuse: Callable[[Any, Any], nn.Module] = (
            fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fuse_conv_bn_eval
        )
        folded.set_submodule(pair.layer, fuse(layer, norm))
        folded.set_submodule(pair.norm, nn.Identity())
    return folded


def _follow(model: nn.Module, example: Tensor) -> tuple[list[_Pair], Any]:
    """Run `model` once; return the pairs that can be folded and the output."""
    calls: Counter[str] = Counter()
    # Values keep the outputs alive: a freed tensor's id would be given to another one.
    producers: dict[int, tuple[str, Tensor]] = {}
    pairs: list[_Pair] = []

    def watch(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def record(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            calls[name] += 1
            if isinstance(module, _BatchNorm) and inputs and id(inputs[0]) in producers:
                pairs.append(_Pair(producers[id(inputs[0])][0], name))
            elif isinstance(output, Tensor) and not isinstance(module, _BatchNorm):
                producers[id(output)] = (name, output)

        return record

    handles = [
        module.register_forward_hook(watch(name))
        for name, module in model.named_modules()
        if _is_part(module)
    ]
    try:
        with evaluating(model):
            output = model(example)
    finally:
        for handle in handles:
            handle.remove()
    readers = Counter(pair.layer for pair in pairs)
    once = [pair for pair in pairs if calls[pair.layer] == calls[pair.norm] == 1 and readers[pair.layer] == 1]
    return once, output


def _is_part(module: nn.Module) -> bool:
    if isinstance(module, _BatchNorm):
        return module.running_mean is not None
    return isinstance(module, (*_CONVOLUTIONS, nn.Linear)) and not is_parametrized(module)


def _gives(model: nn.Module, example: Tensor, expected: Any) -> bool:
    with evaluating(model):
        return _agree(model(example), expected)


def _agree(output: Any, expected: Any) -> bool:
    if isinstance(output, Tensor) and isinstance(expected, Tensor):
        scale = float(expected.abs().max())
        return bool(torch.allclose(output, expected, rtol=1e-3, atol=1e-3 * scale + 1e-6))
    if isinstance(output, dict) and isinstance(expected, dict):
        return all(_agree(output[key], expected[key]) for key in expected)
    if isinstance(output, list | tuple):
        return all(_agree(one, other) for one, other in zip(output, expected, strict=True))
    return bool(output == expected)
