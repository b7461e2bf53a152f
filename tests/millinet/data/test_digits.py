import pytest
import torch

from millinet.data import DATASETS, load_data
from millinet.errors import ConfigError, DataError, UnknownNameError


def test_digits_are_1797_grey_images_of_8x8_in_three_parts() -> None:
    data = load_data("digits")

    assert data.sizes() == {"train": 1168, "validation": 270, "test": 359}
    assert data.input_shape == (1, 8, 8)
    assert data.class_names == tuple("0123456789")
    assert data.train.images.dtype == torch.uint8
    assert int(data.train.images.max()) == 255


def test_the_test_split_is_the_same_for_every_seed_and_the_validation_split_is_not() -> None:
    first, second = load_data("digits", seed=0), load_data("digits", seed=1)

    assert torch.equal(first.test.images, second.test.images)
    assert not torch.equal(first.validation.images, second.validation.images)
    assert first.fingerprint != second.fingerprint


def test_the_same_seed_is_the_same_data_set() -> None:
    assert load_data("digits").fingerprint == load_data("digits").fingerprint


def test_no_class_is_short_in_any_split() -> None:
    data = load_data("digits")

    for split in (data.train, data.validation, data.test):
        counts = split.class_counts(10)
        assert min(counts) >= len(split) / 10 * 0.9


def test_normalised_training_pixels_have_mean_zero_and_deviation_one() -> None:
    data = load_data("digits")

    pixels = data.normalise(data.train.images)

    assert pixels.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert pixels.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)


def test_a_fraction_may_be_chosen() -> None:
    data = load_data("digits", validation_fraction=0.1, test_fraction=0.3)

    assert data.sizes() == {"train": 1078, "validation": 180, "test": 539}


def test_an_unknown_set_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        load_data("digit")


def test_digits_refuse_an_argument() -> None:
    with pytest.raises(DataError, match="takes no argument, got 'big'"):
        load_data("digits:big")


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 20.0])
def test_a_fraction_outside_zero_to_one_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match=r"test_fraction must be inside \(0, 1\)"):
        load_data("digits", test_fraction=fraction)


@pytest.mark.parametrize("spec", ["digits,colour=yes", "digits,size=big", "digits,test=2", ""])
def test_a_spec_that_cannot_be_meant_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        load_data(spec)


def test_options_follow_the_name() -> None:
    assert load_data("digits,test=0.3,validation=0.1").sizes() == {
        "train": 1078,
        "validation": 180,
        "test": 539,
    }


def test_digits_stand_in_the_table() -> None:
    assert "digits" in DATASETS
