"""Optuna's own samplers, set up for a conditional space with constraints."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from nas.samplers.context import SamplerContext


def tpe(context: SamplerContext) -> BaseSampler:
    """Make the tree-structured Parzen estimator (Bergstra et al., 2011), conditional parameters in groups."""
    with warnings.catch_warnings():
        # `multivariate` and `group` are marked experimental in Optuna 5.0; they are what handles conditions.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed_of(context), multivariate=True, group=True, constant_liar=True)


def nsga2(context: SamplerContext) -> BaseSampler:
    """Make the non-dominated sorting genetic algorithm (Deb et al., 2002)."""
    return NSGAIISampler(seed=seed_of(context), population_size=min(50, max(8, context.num_trials // 4)))


def gp(context: SamplerContext) -> BaseSampler:
    """Make Optuna's Gaussian process; it models only the parameters that every trial has, the rest is random.

    Slow from some hundred trials on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # It would say of each conditional parameter that it is drawn independently.
        return GPSampler(seed=seed_of(context), warn_independent_sampling=False)


def random(context: SamplerContext) -> BaseSampler:
    """Make uniform sampling, the baseline of every other."""
    return RandomSampler(seed=seed_of(context))


def seed_of(context: SamplerContext) -> int:
    """Return a seed that differs from one resumption to the next, so that proposals are not repeated."""
    return context.seed + context.num_told
