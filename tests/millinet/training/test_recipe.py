import dataclasses

import pytest

from millinet.errors import ConfigError
from millinet.training import RECIPES, Recipe
from millinet.training.schedule import warm_cosine


@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"momentum": 1.0},
        {"warmup": 1.0},
        {"weight_decay": -1e-4},
        {"label_smoothing": 1.0},
        {"ema_decay": 1.0},
        {"augmentation": 1.5},
        {"randaugment": 31},
        {"erasing": -0.1},
        {"mixup": -1.0},
        {"cutmix": float("inf")},
        {"stochastic_depth": 1.0},
        {"clip_norm": 0.0},
        {"imbalance": "weigh"},
        {"optimiser": "adam"},
        {"precision": "fp8"},
        {"distillation": 2.0},
        {"temperature": 0.0},
        {"patience": 0},
        {"retries": -1},
        {"threads": 0},
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_and_value(setting: dict[str, object]) -> None:
    (name, value) = next(iter(setting.items()))

    with pytest.raises(ConfigError, match=rf"{name} must be .*got '?{value}"):
        Recipe(**({"epochs": 1} | setting))


def test_a_recipe_names_what_differs_from_the_defaults() -> None:
    assert str(Recipe(epochs=3, mixup=0.2)) == "epochs 3, mixup 0.2"


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_comes_back_from_its_record(name: str) -> None:
    assert Recipe(**RECIPES[name].as_dict()) == RECIPES[name]


def test_a_recipe_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECIPES["quick"].epochs = 1


@pytest.mark.parametrize(
    ("progress", "factor"), [(0.0, 0.1), (0.1, 0.55), (0.2, 1.0), (0.6, 0.5), (1.0, 0.0)]
)
def test_the_rate_rises_linearly_and_falls_by_half_a_cosine(progress: float, factor: float) -> None:
    assert warm_cosine(progress, warmup=0.2) == pytest.approx(factor)


def test_without_warm_up_the_rate_begins_at_its_peak() -> None:
    assert warm_cosine(0.0, warmup=0.0) == 1.0
