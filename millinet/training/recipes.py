"""The named recipes."""

from typing import Final

from millinet.training.recipe import Recipe

QUICK: Final = Recipe(epochs=12, batch_size=64, learning_rate=0.1, label_smoothing=0.05, augmentation=0.5)
"""A trial: short, the same for all candidates, good enough to rank them."""

FULL: Final = Recipe(epochs=60, batch_size=64, learning_rate=0.1, label_smoothing=0.1, ema_decay=0.99)
"""The winner: long enough to reach what the network can."""

RECOVER: Final = Recipe(epochs=20, batch_size=64, learning_rate=0.02, warmup=0.05, ema_decay=0.99)
"""After pruning: from trained weights, so at a low rate."""

SMALL: Final = Recipe(
    epochs=200,
    batch_size=32,
    optimiser="adamw",
    learning_rate=2e-3,
    weight_decay=0.05,
    label_smoothing=0.1,
    ema_decay=0.98,
    erasing=0.25,
    randaugment=9,
    mixup=0.2,
    cutmix=1.0,
    clip_norm=1.0,
    patience=50,
)
"""Under 2,000 images: many passes over much varied images, ended when validation gets no better."""
