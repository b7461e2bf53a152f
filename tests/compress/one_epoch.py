"""A plug-in with a recipe short enough for tests."""

from millinet.training import Recipe

RECIPES = {"one-epoch": Recipe(epochs=1, batch_size=64, learning_rate=0.02)}
