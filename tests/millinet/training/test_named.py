"""A recipe is a name, and the settings that are changed in it."""

from dataclasses import replace

import pytest

from millinet.errors import ConfigError, UnknownNameError
from millinet.training import RECIPES, recipe_of


def test_a_name_alone_is_the_recipe_as_it_stands() -> None:
    assert recipe_of("small") == RECIPES["small"]


def test_settings_after_the_name_change_it() -> None:
    found = recipe_of("small,epochs=50,learning_rate=1e-3,imbalance=loss,patience=none,channels_last=no")

    assert found == replace(
        RECIPES["small"],
        epochs=50,
        learning_rate=1e-3,
        imbalance="loss",
        patience=None,
        channels_last=False,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("full,epoch=3", "no recipe setting called 'epoch'; did you mean 'epochs'"),
        ("fulll,epochs=3", "no recipe called 'fulll'; did you mean 'full'"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        recipe_of(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("full,epochs", "got 'epochs' among the settings; write for example full,epochs=30"),
        ("full,epochs=many", "recipe setting epochs=many: Input should be a valid integer"),
        ("full,epochs=none", "recipe setting epochs=none"),
        ("full,epochs=0", "epochs must be at least 1, got 0"),
        ("full,learning_rate=nan", "learning_rate must be positive, got nan"),
        ("full,imbalance=weigh", "recipe setting imbalance=weigh: Input should be 'ignore', 'loss' or"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        recipe_of(text)

    assert "\n" not in str(refused.value)
