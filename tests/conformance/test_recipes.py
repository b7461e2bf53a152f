import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from millinet.data import load_data
from millinet.training import RECIPES, fit

DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_teaches_the_first_digits(name: str) -> None:
    digits = load_data("digits")
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
    )
    torch.manual_seed(0)

    result = fit(model, digits, dataclasses.replace(RECIPES[name], epochs=4), device="cpu")

    assert result.best_accuracy > 0.5


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_documented(name: str) -> None:
    assert f"| `{name}` |" in DOCUMENT.read_text(encoding="utf-8")
