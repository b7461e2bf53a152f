"""What a search takes where its user says nothing: by the size of the images, and by how few they are."""

from typing import Final, NamedTuple

from millinet.data import DataSet
from nas.config import SearchConfig

FEW_IMAGES: Final = 1_000
"""With fewer training images, a trial's dozen epochs are too few steps to tell networks apart."""
SMALL_SIDE: Final = 64
"""Up to this side, in pixels, images are small."""


class Recipes(NamedTuple):
    """How the networks of a search are trained, by name."""

    trial: str
    winner: str


def default_budget(data: DataSet) -> str:
    """Name the budget: half the latency of a network fit for the images."""
    side = max(data.input_shape[1:])
    if side <= 16:
        # One such image is over before the calls are: at batch 1 latency counts layers, whatever their width.
        return "0.5x:resnet20@batch=32"
    return "0.5x:resnet20" if side <= SMALL_SIDE else "0.5x:resnet50"


def default_space(data: DataSet) -> str:
    """Name the preset: for few images one whose fast networks see the whole image, see docs/small-data.md."""
    if max(data.input_shape[1:]) > SMALL_SIDE:
        return "mobile"
    return "small" if is_few(data) else "tiny"


def default_recipes(data: DataSet) -> Recipes:
    """Name the recipes: `small` for few images, for trials too, else those of a configuration."""
    usual = SearchConfig()
    return Recipes("small", "small") if is_few(data) else Recipes(usual.recipe, usual.final_recipe)


def is_few(data: DataSet) -> bool:
    """Tell whether a set is one for the recipe `small`."""
    return len(data.train) < FEW_IMAGES
