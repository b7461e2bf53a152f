"""All that happens to a training batch before the network sees it, on the device."""

from collections.abc import Callable

import torch
from torch import Tensor

from millinet.data.dataset import DataSet
from millinet.errors import ConfigError
from millinet.training.augment import augment
from millinet.training.erase import erase
from millinet.training.recipe import Recipe

GROUP_SIZE = 16
"""Images that share one draw of RandAugment: its transforms draw once a call, and a call an image is slow."""


class Variation:
    """Augments, normalises and mixes batches as a recipe and a data set together allow."""

    def __init__(self, data: DataSet, recipe: Recipe, device: torch.device) -> None:
        self._invariances = data.invariances
        self._recipe = recipe
        self._normalise = data.normaliser(device)
        may_recolour = data.invariances.has_colour
        self._recolour = _randaugment(data, recipe) if may_recolour and recipe.randaugment else None
        self._erased_share = recipe.erasing if may_recolour else 0.0
        self._mix = _mixing(recipe, data.num_classes)

    def __call__(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Vary one batch.

        Args:
            images: Shape (batch, channels, height, width), as the split holds them.
            labels: int64, shape (batch,).
            generator: Source of randomness on the device; RandAugment and mixing draw from torch's own.

        Returns:
            Normalised float32 images, and labels: as they came, or mixed, shape (batch, classes).
        """
        if self._recolour is not None:
            images = self._recolour(images)
        images = augment(images, self._invariances, strength=self._recipe.augmentation, generator=generator)
        images = self._normalise(images)
        if self._erased_share > 0.0:
            images = erase(images, share=self._erased_share, generator=generator)
        if self._mix is not None and len(images) > 1:
            images, labels = self._mix(images, labels)
        return images, labels


def _randaugment(data: DataSet, recipe: Recipe) -> Callable[[Tensor], Tensor]:
    # torchvision's transforms take a second to import, which only those who use them should pay.
    from torchvision.transforms import v2

    if data.input_shape[0] not in (1, 3):
        raise ConfigError(
            f"randaugment knows images of 1 or 3 channels, got {data.input_shape[0]}; set randaugment=0"
        )
    transform = v2.RandAugment(magnitude=recipe.randaugment)

    def recolour(images: Tensor) -> Tensor:
        return torch.cat([transform(group) for group in torch.split(images, GROUP_SIZE)])

    return recolour


def _mixing(recipe: Recipe, num_classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    if recipe.mixup == 0.0 and recipe.cutmix == 0.0:
        return None
    from torchvision.transforms import v2

    chosen = []
    if recipe.mixup > 0.0:
        chosen.append(v2.MixUp(alpha=recipe.mixup, num_classes=num_classes))
    if recipe.cutmix > 0.0:
        chosen.append(v2.CutMix(alpha=recipe.cutmix, num_classes=num_classes))
    return v2.RandomChoice(chosen) if len(chosen) > 1 else chosen[0]
