"""Intervals of true hypervolumes from replicates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bagbench.analysis.indicators import hypervolume
from bagbench.analysis.replicates import (
    RESAMPLES,
    UNKNOWN,
    basic_interval,
    resampled_hypervolumes,
    resampled_means,
)

REFERENCE = np.array([100.0, 7.0])


def test_resampled_mean_varies_as_a_mean_does() -> None:
    """The variance of the mean of r is the sample variance over r; r of r would give 1 - 1/r of it."""
    losses = np.array([[1.0, 2.0], [4.0, 2.0], [10.0, 2.0]])
    means = resampled_means([losses])
    assert means.shape == (RESAMPLES, 1, 2)
    assert means[:, 0, 0].mean() == pytest.approx(5.0, abs=0.2)
    assert means[:, 0, 0].var() == pytest.approx(losses[:, 0].var(ddof=1) / 3, rel=0.1)
    assert (means[:, 0, 1] == 2.0).all()


def test_configurations_are_resampled_on_their_own_and_always_alike() -> None:
    losses = np.array([[0.0, 1.0], [1.0, 1.0]])
    means = resampled_means([losses, losses])
    agree = (means[:, 0, 0] == means[:, 1, 0]).mean()
    assert 0.4 < agree < 0.6
    assert means.tolist() == resampled_means([losses, losses]).tolist()


def test_one_training_says_nothing_of_other_seeds() -> None:
    twice, once = np.array([[10.0, 5.0], [20.0, 5.0]]), np.array([[30.0, 4.0]])
    means = resampled_means([twice, once])
    assert np.isnan(means[:, 1]).all() and not np.isnan(means[:, 0]).any()
    assert basic_interval(1.0, resampled_hypervolumes(means, REFERENCE)) is UNKNOWN
    nothing = resampled_hypervolumes(resampled_means([]), REFERENCE)
    assert len(nothing) == RESAMPLES and basic_interval(0.0, nothing) is UNKNOWN


def test_interval_takes_back_what_resampling_added() -> None:
    """Resamples that are 3 too good on average say that the estimate is, too."""
    low, high = basic_interval(10.0, np.linspace(11.0, 15.0, 10_001))
    assert (low, high) == pytest.approx((10.0 - 4.9, 10.0 - 1.1))


def test_intervals_hold_the_truth_of_made_up_fronts() -> None:
    """Ten configurations, three seeds: 95 % intervals hold it in about 90 % of cases, so 80 % is a wide margin."""
    rng = np.random.default_rng(0)
    held = 0
    cases = 60
    for _ in range(cases):
        errors, sizes = np.sort(rng.uniform(2.0, 60.0, 10))[::-1], np.sort(rng.uniform(2.0, 5.5, 10))
        seen = errors[:, None] * (1.0 + 0.25 * rng.standard_normal((10, 3)))
        replicates = [np.stack([row, np.full(3, size)], axis=1) for row, size in zip(seen, sizes, strict=True)]
        true, estimate = (
            hypervolume(np.stack([values, sizes], axis=1), REFERENCE) for values in (errors, seen.mean(axis=1))
        )
        low, high = basic_interval(estimate, resampled_hypervolumes(resampled_means(replicates)[:300], REFERENCE))
        assert math.isfinite(low) and low < high
        held += low <= true <= high
    assert 0.8 * cases <= held <= 0.99 * cases
