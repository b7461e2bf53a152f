"""Train classifiers and judge them: one loop for trials, winners and recovery."""

from collections.abc import Mapping
from typing import Final

from millinet.training.crossvalidate import CrossValidation, cross_validate, deal_folds
from millinet.training.evaluate import Evaluation, evaluate, predict
from millinet.training.fit import fit
from millinet.training.history import EpochRecord, FitResult
from millinet.training.named import recipe_of
from millinet.training.recipe import Recipe
from millinet.training.recipes import FULL, QUICK, RECOVER, SMALL

RECIPES: Final[Mapping[str, Recipe]] = {"quick": QUICK, "full": FULL, "recover": RECOVER, "small": SMALL}
"""The named recipes."""

__all__ = [
    "RECIPES",
    "CrossValidation",
    "EpochRecord",
    "Evaluation",
    "FitResult",
    "Recipe",
    "cross_validate",
    "deal_folds",
    "evaluate",
    "fit",
    "predict",
    "recipe_of",
]
