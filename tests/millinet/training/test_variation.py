import dataclasses

import pytest
import torch
from torch import Tensor

from millinet.data import DataSet, Invariances, Split
from millinet.errors import ConfigError
from millinet.training import Recipe
from millinet.training.augment import augment, crop_and_mirror, warp
from millinet.training.erase import erase
from millinet.training.variation import Variation


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, channels: int = 3, side: int = 8) -> Tensor:
    return torch.randint(0, 256, (count, channels, side, side), generator=generator(), dtype=torch.uint8)


def photographs(channels: int = 3) -> DataSet:
    split = Split(noise(40, channels), torch.arange(40) % 2)
    return DataSet(
        spec="noise",
        class_names=("a", "b"),
        input_shape=(channels, 8, 8),
        train=split,
        validation=split,
        test=split,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        fingerprint="",
        invariances=Invariances(has_mirror=True, has_colour=True),
    )


def test_strength_zero_changes_nothing() -> None:
    images = noise(4)

    assert torch.equal(augment(images, Invariances(), strength=0.0, generator=generator()), images)


def test_what_may_not_be_mirrored_or_shifted_is_left_alone() -> None:
    images = noise(64)

    varied = crop_and_mirror(images, Invariances(max_shift=0.0), strength=1.0, generator=generator())

    assert torch.equal(varied, images)


def test_about_half_are_mirrored_and_the_rest_untouched() -> None:
    images = noise(200)
    allowed = Invariances(max_shift=0.0, has_mirror=True)

    varied = crop_and_mirror(images, allowed, strength=1.0, generator=generator())

    is_same = (varied == images).flatten(1).all(1)
    is_mirrored = (varied == images.flip(3)).flatten(1).all(1)
    assert bool((is_same | is_mirrored).all())
    assert 70 < int(is_mirrored.sum()) < 130


def test_a_shift_moves_whole_pixels_and_brings_in_black() -> None:
    images = torch.zeros(300, 1, 8, 8, dtype=torch.uint8)
    images[:, :, 4, 4] = 200

    varied = crop_and_mirror(images, Invariances(max_shift=0.25), strength=1.0, generator=generator())

    places = varied.flatten(1).argmax(1)
    assert bool((varied.flatten(1).sum(1) == 200).all())
    assert {int(place) // 8 for place in places} == {2, 3, 4, 5, 6}
    assert {int(place) % 8 for place in places} == {2, 3, 4, 5, 6}


def test_each_image_is_varied_in_its_own_way() -> None:
    images = noise(1).expand(32, -1, -1, -1)

    varied = warp(
        images, Invariances(max_rotation_degrees=10.0, max_zoom=0.1), strength=1.0, generator=generator()
    )

    assert len({tuple(image.flatten().tolist()) for image in varied}) == 32


def test_a_quarter_turn_turns_pixels_also_where_the_image_is_not_square() -> None:
    images = torch.zeros(1, 1, 5, 9)
    images[0, 0, 2, 6] = 1.0  # two pixels right of the centre
    quarter = Invariances(max_shift=0.0, max_rotation_degrees=90.0)

    turned = torch.stack(
        [warp(images, quarter, strength=1.0, generator=generator(seed))[0, 0] for seed in range(300)]
    )

    # Whatever the angle, the bright pixel keeps its distance of two pixels from the centre.
    rows, columns = torch.meshgrid(torch.arange(5.0) - 2, torch.arange(9.0) - 4, indexing="ij")
    centre_row = (turned * rows).sum((1, 2)) / turned.sum((1, 2))
    centre_column = (turned * columns).sum((1, 2)) / turned.sum((1, 2))
    distance = (centre_row.square() + centre_column.square()).sqrt()
    assert bool(((distance - 2.0).abs() < 0.2).all())


def test_uint8_images_that_were_turned_are_fractions_of_full_scale() -> None:
    images = torch.full((4, 1, 8, 8), 255, dtype=torch.uint8)

    varied = warp(images, Invariances(max_rotation_degrees=5.0), strength=1.0, generator=generator())

    assert varied.dtype == torch.float32
    assert float(varied.max()) == pytest.approx(1.0)


def test_erasing_blanks_about_its_share_of_images() -> None:
    images = torch.ones(400, 3, 16, 16)

    erased = erase(images, share=0.25, generator=generator())

    blanked = (erased == 0).any(1).flatten(1).float().mean(1)
    assert 60 < int((blanked > 0).sum()) < 140
    assert float(blanked.max()) < 0.45


def test_erasing_blanks_all_channels_alike() -> None:
    erased = erase(torch.ones(50, 3, 16, 16), share=1.0, generator=generator())

    assert torch.equal(erased[:, 0], erased[:, 1])


@pytest.mark.parametrize("channels", [1, 3])
def test_randaugment_and_mixing_keep_shapes_and_make_shares_of_classes(channels: int) -> None:
    data = photographs(channels)
    recipe = Recipe(epochs=1, randaugment=9, erasing=0.5, mixup=0.2, cutmix=1.0)
    vary = Variation(data, recipe, torch.device("cpu"))

    images, labels = vary(data.train.images, data.train.labels, generator())

    assert images.shape == (40, channels, 8, 8)
    assert labels.shape == (40, 2)
    torch.testing.assert_close(labels.sum(1), torch.ones(40))


def test_a_set_that_keeps_its_colours_is_never_recoloured_or_erased() -> None:
    data = dataclasses.replace(photographs(), invariances=Invariances(max_shift=0.0))
    recipe = Recipe(epochs=1, randaugment=30, erasing=1.0)
    vary = Variation(data, recipe, torch.device("cpu"))

    images, _ = vary(data.train.images, data.train.labels, generator())

    torch.testing.assert_close(images, data.normalise(data.train.images))


def test_randaugment_refuses_channels_it_does_not_know() -> None:
    with pytest.raises(ConfigError, match="1 or 3 channels, got 5"):
        Variation(photographs(5), Recipe(epochs=1, randaugment=9), torch.device("cpu"))
