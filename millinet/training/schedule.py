"""The learning rate as a function of how far training has come."""

import math


def warm_cosine(progress: float, *, warmup: float) -> float:
    """Return the learning-rate factor: linear up from a tenth, then half a cosine down to zero.

    Loshchilov and Hutter, "SGDR", 2017, eq. 5, without restarts; warm-up from Goyal et al., 2017.

    Args:
        progress: Fraction of training done, in [0, 1].
        warmup: Fraction spent rising, in [0, 1).
    """
    if progress < warmup:
        return 0.1 + 0.9 * progress / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (progress - warmup) / (1.0 - warmup)))
