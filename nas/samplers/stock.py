"""Optuna's own samplers, set up for a conditional space with constraints."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler


def tpe(seed: int) -> BaseSampler:
    """Make the tree-structured Parzen estimator (Bergstra et al., 2011), conditional parameters in groups."""
    with warnings.catch_warnings():
        # `multivariate` and `group` are marked experimental in Optuna 5.0; they are what handles conditions.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=8, constant_liar=True)


def nsga2(seed: int) -> BaseSampler:
    """Make the non-dominated sorting genetic algorithm (Deb et al., 2002)."""
    return NSGAIISampler(seed=seed, population_size=20)


def random(seed: int) -> BaseSampler:
    """Make uniform sampling, the baseline of every other."""
    return RandomSampler(seed=seed)
