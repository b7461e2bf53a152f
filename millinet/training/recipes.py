"""The named recipes."""

from typing import Final

from millinet.training.recipe import Recipe

QUICK: Final = Recipe(epochs=12, batch_size=64, learning_rate=0.1, label_smoothing=0.05, augmentation=0.5)
"""A trial: short, the same for all candidates, good enough to rank them."""

FULL: Final = Recipe(epochs=60, batch_size=64, learning_rate=0.1, label_smoothing=0.1, ema_decay=0.99)
"""The winner: long enough to reach what the network can."""

RECOVER: Final = Recipe(epochs=20, batch_size=64, learning_rate=0.02, warmup=0.05, ema_decay=0.99)
"""After pruning: from trained weights, so at a low rate."""
