"""What it costs to ask an untrained network: each proxy on 32 images, with the building of the network.

    python -m benchmarks.proxies_price [--spaces tiny,convnet] [--sides 8,32] [--networks 30]

Networks are drawn at random; a row holds the median, the mean and the slowest. A proposal asks 16 of them at
most, fewer where some were asked before. Processor time; run it with one thread on a machine at rest.
"""

import argparse
import time
from statistics import fmean, median
from typing import Any

import numpy as np
import torch

from benchmarks.record import record
from nas.candidate import build
from nas.proxies import PROXIES
from search_spaces import SearchSpace, load_space

NUM_IMAGES = 32


def row_of(name: str, space: SearchSpace, *, num_networks: int) -> dict[str, Any]:
    """Score random networks of a space by one proxy."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(NUM_IMAGES, space.in_channels, *space.resolution, generator=generator)
    labels = torch.arange(NUM_IMAGES) % space.num_classes
    rng = np.random.default_rng(0)
    spent = []
    # The first one pays for what torch sets up once.
    for _ in range(1 + num_networks):
        architecture = space.sample(rng)
        began = time.process_time()
        PROXIES[name](build(architecture, seed=0), images, labels)
        spent.append(1e3 * (time.process_time() - began))
    return {
        "proxy": name,
        "space": space.name,
        "side": space.resolution[0],
        "median_ms": median(spent[1:]),
        "mean_ms": fmean(spent[1:]),
        "slowest_ms": max(spent[1:]),
        "networks": num_networks,
    }


def main() -> None:
    """Score networks of every space by every proxy, and write what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spaces", default="tiny,convnet")
    parser.add_argument("--sides", default="8,32", help="side of the images in pixels, one a space")
    parser.add_argument("--networks", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for space, side in zip(options.spaces.split(","), map(int, options.sides.split(",")), strict=True):
        searched = load_space(space, resolution=(side, side))
        rows += [row_of(name, searched, num_networks=options.networks) for name in PROXIES]
    record("proxies_price", rows)


if __name__ == "__main__":
    main()
