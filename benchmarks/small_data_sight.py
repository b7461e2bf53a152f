"""How much of a wide image the fast networks of a space see: why a search for 300 images needs its own space.

    python -m benchmarks.small_data_sight

At batch 1 the latency of so small a network counts its layers. Of random networks with at most half of
ResNet-20's convolutions this counts those whose last features depend on the whole width of the 8x24 images of
`small_data`. What sees less cannot tell 012 from 210, for its features are averaged over the image.
"""

import argparse
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.record import record
from benchmarks.small_data import NUM_CLASSES, SHAPE, narrowed
from search_spaces import Architecture, load_space, network

SPACES: Final = ("tiny", "small")


def seen_width(model: nn.Module) -> int:
    """Count the columns of the image that one place of the last feature map depends on."""
    reached: list[Tensor] = []
    handle = model.get_submodule("head").register_forward_pre_hook(
        lambda _, inputs: reached.append(inputs[0])
    )
    images = torch.randn(4, 1, *SHAPE, generator=torch.Generator().manual_seed(0), requires_grad=True)
    model.eval()(images)
    handle.remove()
    features = reached[0]
    middle = features[:, :, features.shape[2] // 2, features.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle.sum(), images)
    columns = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
    return int(columns.max() - columns.min()) + 1


def num_convolutions(model: nn.Module) -> int:
    """Count the convolutions, those of shortcuts included."""
    return sum(isinstance(module, nn.Conv2d) for module in model.modules())


def fast_ones(name: str, *, count: int, most: int) -> Iterator[Architecture]:
    """Draw networks of a space and yield those with at most `most` convolutions."""
    space = load_space(name, in_channels=1, num_classes=NUM_CLASSES, resolution=SHAPE)
    rng = np.random.default_rng(0)
    for _ in range(count):
        architecture = space.sample(rng)
        if num_convolutions(architecture.build()) <= most:
            yield architecture


def main() -> None:
    """Look at random networks of both spaces."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="networks drawn from each space")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    whole = network("resnet20", num_classes=NUM_CLASSES, in_channels=1, resolution=SHAPE).build()
    most = num_convolutions(whole) // 2
    rows: list[dict[str, Any]] = []
    for name in SPACES:
        widths = [seen_width(one.build()) for one in fast_ones(name, count=options.count, most=most)]
        rows.append(
            {
                "space": name,
                "num_fast": len(widths),
                "median_seen_width": float(np.median(widths)),
                "share_that_sees_all": float(np.mean([width == SHAPE[1] for width in widths])),
            }
        )
    named = {"resnet20": whole, "vgg_small, a quarter as wide": narrowed(0.25).build()}
    rows += [{"network": name, "seen_width": seen_width(model)} for name, model in named.items()]
    record("small_data_sight", rows, summary={"image_width": SHAPE[1], "most_convolutions": most})


if __name__ == "__main__":
    main()
