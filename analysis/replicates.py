"""How sure a true hypervolume is, given that two trainings of one configuration differ.

Each configuration's replicates are resampled on their own: r - 1 of r with replacement, so that the variance of the
resampled mean is that of the mean (Rao & Wu 1988, JASA 83(401), with configurations as strata; r of r is too narrow by
1 - 1/r, and r is small). Intervals are the basic ones, 2 x estimate - quantile (Davison & Hinkley 1997, eq. 5.6):
noise makes a front look better than it is, and resampling does so once more, which these take back and percentile
intervals double. On made-up fronts of ten configurations, three seeds each, an interval of 95 % held the truth in 90 %
of cases, and in 75 % as a percentile interval of r of r.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses
from .indicators import hypervolume
from .statistics import CONFIDENCE

RESAMPLES = 2_000
_SEED = 0

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)
"""Where a configuration was trained only once, which says nothing of other seeds."""


def resampled_means(replicates: Sequence[Losses], /) -> Losses:
    """Draw what the mean losses of n configurations could have been with other seeds.

    Parameters
    ----------
    replicates
        For each configuration the losses (r, m) of its r trainings.

    Returns
    -------
    means : (RESAMPLES, n, m) float64
        NaN for configurations that were trained once. The same replicates always give the same.
    """
    rng = np.random.default_rng(_SEED)
    drawn = []
    for losses in replicates:
        count = len(losses)
        if count < 2:
            drawn.append(np.full((RESAMPLES, losses.shape[1]), math.nan))
        else:
            drawn.append(losses[rng.integers(count, size=(RESAMPLES, count - 1))].mean(axis=1))
    return np.stack(drawn, axis=1) if drawn else np.empty((RESAMPLES, 0, 0))


def resampled_hypervolumes(means: Losses, /, reference: Losses) -> NDArray[np.float64]:
    """Give the hypervolume (RESAMPLES,) of each resample (RESAMPLES, n, m); NaN where a configuration has none."""
    if not means.shape[1] or np.isnan(means).any():
        return np.full(len(means), math.nan)
    return np.array([hypervolume(losses, reference) for losses in means])


def basic_interval(estimate: float, resampled: NDArray[np.float64], /) -> Interval:
    """Bound a number, at level `CONFIDENCE`, by what it came to in resamples; `UNKNOWN` if these are."""
    if np.isnan(resampled).any():
        return UNKNOWN
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail]).tolist()
    return 2.0 * estimate - high, 2.0 * estimate - low
