"""The effect of closing a channel, image by image.

A *gate* multiplies a channel where its consumers read it; pruning the channel sets its gate from one to zero.
The derivative of an image's loss by that gate is the sum over positions of the channel's value times the
gradient that arrives there. This holds whatever lies before the consumer, batch norm and activation included,
and for all consumers of a residual stream at once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.channels import ChannelGroup, Slot
from compress.criteria.criterion import Batch


def gate_gradients(
    model: nn.Module, groups: Sequence[ChannelGroup], batches: Sequence[Batch]
) -> list[Tensor]:
    """Differentiate the loss of every image by the gate of every channel.

    Args:
        model: In eval mode; its gradients are cleared.
        groups: Groups with at least one consumer.
        batches: Images and labels; moved to the model's device.

    Returns:
        For each group, derivatives of shape (images, channels), in nats.
    """
    device = next(model.parameters()).device
    parts: list[list[Tensor]] = [[] for _ in groups]
    for images, labels in batches:
        with _reading(model, groups) as read, torch.enable_grad():
            outputs = model(images.to(device).detach().requires_grad_())
            # Summed over images, so that each keeps its own gradient.
            loss = functional.cross_entropy(outputs, labels.to(device), reduction="sum")
            torch.autograd.backward(loss)
        for number, group in enumerate(groups):
            parts[number].append(_gathered(model, group, read, lambda value: value * _gradient(value)))
        model.zero_grad(set_to_none=True)
    return [torch.cat(part) for part in parts]


def mean_magnitudes(
    model: nn.Module, groups: Sequence[ChannelGroup], batches: Sequence[Batch]
) -> list[Tensor]:
    """Average the magnitude of what the consumers of each channel read.

    Returns:
        For each group, means over images of shape (channels,), summed over positions and consumers.
    """
    device = next(model.parameters()).device
    parts: list[list[Tensor]] = [[] for _ in groups]
    for images, _ in batches:
        with _reading(model, groups) as read, torch.no_grad():
            model(images.to(device))
        for number, group in enumerate(groups):
            parts[number].append(_gathered(model, group, read, Tensor.abs))
    return [torch.cat(part).mean(0) for part in parts]


@contextmanager
def _reading(model: nn.Module, groups: Sequence[ChannelGroup]) -> Iterator[dict[str, Tensor]]:
    """Record what each consumer reads inside the block, each on a tensor of its own."""
    read: dict[str, Tensor] = {}

    def recording(name: str) -> Callable[[nn.Module, Any], Any]:
        def record(_: nn.Module, inputs: Any) -> Any:
            # A copy: where two layers read one tensor, each must see its own gradient.
            read[name] = inputs[0].clone()
            if read[name].requires_grad:
                read[name].retain_grad()
            return (read[name], *inputs[1:])

        return record

    names = {slot.name for group in groups for slot in _consumers(model, group)}
    handles = [model.get_submodule(name).register_forward_pre_hook(recording(name)) for name in names]
    try:
        yield read
    finally:
        for handle in handles:
            handle.remove()


def _consumers(model: nn.Module, group: ChannelGroup) -> list[Slot]:
    """Return where a group is read for the last time: a grouped convolution only passes its channels on."""
    slots = [slot for slot in group.slots if slot.side == "in"]
    final = [slot for slot in slots if getattr(model.get_submodule(slot.name), "groups", 1) == 1]
    return final or slots


def _gathered(
    model: nn.Module, group: ChannelGroup, read: dict[str, Tensor], measure: Callable[[Tensor], Tensor]
) -> Tensor:
    """Sum a measure of what is read over positions, places and consumers, to shape (images, channels)."""
    total = torch.zeros(())
    for slot in _consumers(model, group):
        if slot.name not in read:
            continue
        measured = measure(read[slot.name]).detach().float()
        if isinstance(model.get_submodule(slot.name), nn.Linear):
            by_channel = measured.flatten(1, -2).sum(1) if measured.dim() > 2 else measured
        else:
            by_channel = measured.flatten(2).sum(2)
        places = torch.tensor(slot.places, device=by_channel.device)
        total = total.to(by_channel.device) + by_channel[:, places].sum(2)
    return total


def _gradient(value: Tensor) -> Tensor:
    return torch.zeros_like(value) if value.grad is None else value.grad
