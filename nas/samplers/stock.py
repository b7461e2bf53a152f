"""Optuna's own samplers, set up for a conditional space with constraints."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from nas.samplers.context import SamplerContext


def tpe(context: SamplerContext) -> BaseSampler:
    """Make the tree-structured Parzen estimator (Bergstra et al., 2011), conditional parameters in groups."""
    with warnings.catch_warnings():
        # `multivariate` and `group` are marked experimental in Optuna 5.0; they are what handles conditions.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=_seed(context), multivariate=True, group=True, constant_liar=True)


def nsga2(context: SamplerContext) -> BaseSampler:
    """Make the non-dominated sorting genetic algorithm (Deb et al., 2002)."""
    return NSGAIISampler(seed=_seed(context), population_size=min(50, max(8, context.num_trials // 4)))


def random(context: SamplerContext) -> BaseSampler:
    """Make uniform sampling, the baseline of every other."""
    return RandomSampler(seed=_seed(context))


def _seed(context: SamplerContext) -> int:
    return context.seed + context.num_told
