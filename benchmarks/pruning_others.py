"""torch-pruning as its users run it, for the comparisons: a channel ratio in, a smaller network out."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import torch_pruning as tp
from torch import Tensor, nn

from millinet.latency import LatencyMeasurement, LatencyMeter

METHODS: Final[Mapping[str, Mapping[str, Any]]] = {
    "l2-uniform": {"global_pruning": False},
    "l2-global": {"global_pruning": True},
    "l2-isomorphic": {"global_pruning": True, "isomorphic": True},
}
JUDGING: Final[Mapping[str, Any]] = {"max_visits": 60, "half_width": 0.01, "max_seconds": 8.0}
"""How long the last measurement goes on: longer than that of any candidate."""
LARGEST_RATIO: Final = 0.95
NUM_HALVINGS: Final = 9


def by_ratio(model: nn.Module, example: Tensor, *, method: str, ratio: float, num_classes: int) -> nn.Module:
    """Remove a fraction of the channels; the model itself is left as it is."""
    pruned = copy.deepcopy(model).eval()
    tp.pruner.BasePruner(
        pruned,
        example,
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=ratio,
        ignored_layers=list(_outputs(pruned, num_classes)),
        in_channel_groups={},
        out_channel_groups={},
        num_heads={},
        **METHODS[method],
    ).step()
    return pruned.eval()


def nearest(
    prune: Callable[[float], nn.Module], quantity: Callable[[nn.Module], float], aim: float
) -> nn.Module:
    """Return the pruned network whose quantity is nearest to `aim`, by halving the interval of ratios."""
    low, high = 0.0, LARGEST_RATIO
    best, gap = None, float("inf")
    for _ in range(NUM_HALVINGS):
        middle = (low + high) / 2
        pruned = prune(middle)
        found = quantity(pruned)
        if abs(found - aim) < gap:
            best, gap = pruned, abs(found - aim)
        low, high = (middle, high) if found > aim else (low, middle)
    if best is None:
        raise AssertionError("a finite quantity is nearer than infinity")
    return best


def in_turn(
    meter: LatencyMeter, models: Mapping[str, nn.Module], example: Tensor
) -> dict[str, LatencyMeasurement]:
    """Measure models visit by visit in turn, so that all meet the same states of the machine."""
    found: dict[str, LatencyMeasurement] = {}
    waiting = {name: meter.visits(model, example) for name, model in models.items()}
    while waiting:
        for name, visits in list(waiting.items()):
            measured = next(visits, None)
            if measured is None:
                del waiting[name]
            else:
                found[name] = measured
    return found


def _outputs(model: nn.Module, num_classes: int) -> Iterator[nn.Module]:
    """Yield the layers that give one output a class."""
    for module in model.modules():
        if num_classes in (getattr(module, "out_features", 0), getattr(module, "out_channels", 0)):
            yield module
