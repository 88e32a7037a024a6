"""Ceilings from many runs of each configuration: held against worlds whose true means and expected ranks are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau

from bagbench.surrogates.ceiling import best_tau
from bagbench.surrogates.repeats import FEWEST, repeated_ceiling

Array = NDArray[np.float64]

CONFIGURATIONS, RUNS, MORE = 600, 10, 400


def even(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """As much noise everywhere."""
    worlds: Array = rng.standard_normal((size[0], 1)) + 0.5 * rng.standard_normal(size)
    return worlds


def growing(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """The worse, the noisier."""
    means = rng.standard_normal((size[0], 1))
    worlds: Array = means + np.exp(0.8 * means - 1.0) * rng.standard_normal(size)
    return worlds


def collapsing(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Each run collapses or does not: noise is anything but Gaussian."""
    risk = 1.0 / (1.0 + np.exp(-3.0 * rng.standard_normal((size[0], 1))))
    good = 5.0 + 3.0 * np.abs(rng.standard_normal((size[0], 1)))
    collapsed = rng.random(size) < risk
    worlds: Array = np.where(collapsed, 88.0, good) + rng.standard_normal(size)
    return worlds


def counted(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """The same in whole numbers, many of which are equal."""
    worlds: Array = np.round(collapsing(rng, size))
    return worlds


World = Callable[[np.random.Generator, tuple[int, int]], Array]


def reached(world: World, seed: int) -> tuple[Array, float, float, float]:
    """Give runs, and what true means (R2, tau) and true expected ranks (tau) score on them; 400 further runs tell."""
    every = world(np.random.default_rng(seed), (CONFIGURATIONS, RUNS + MORE))
    runs, more = every[:, :RUNS], every[:, RUNS:]
    pool = np.sort(runs.ravel())
    ranks = (np.searchsorted(pool, more) + np.searchsorted(pool, more, side="right")).mean(axis=1)
    means = more.mean(axis=1)
    best_r2 = 1.0 - float(np.mean((runs - means[:, None]) ** 2)) / float(np.var(runs))
    mean_tau, rank_tau = (
        float(np.mean([kendalltau(known, run).statistic for run in runs.T])) for known in (means, ranks)
    )
    return runs, best_r2, mean_tau, rank_tau


@pytest.mark.parametrize("world", [even, growing, collapsing, counted])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ceilings_are_what_true_means_and_true_ranks_reach(world: World, seed: int) -> None:
    runs, r2, mean_tau, rank_tau = reached(world, seed)
    ceiling = repeated_ceiling(runs)
    assert ceiling["r2"] == pytest.approx(r2, abs=0.02)
    assert ceiling["kendall_tau"] == pytest.approx(mean_tau, abs=0.015)
    assert ceiling["rank_tau"] == pytest.approx(rank_tau, abs=0.02)


def test_a_gaussian_copula_promises_too_much_where_runs_collapse() -> None:
    runs, _, mean_tau, rank_tau = reached(collapsing, 3)
    agreement = float(np.mean([kendalltau(one, two).statistic for one, two in zip(runs.T, runs.T[1:], strict=False)]))
    assert best_tau(runs[:, 0], agreement) > rank_tau + 0.01 > mean_tau + 0.03


def test_without_noise_the_best_is_one() -> None:
    means = np.random.default_rng(4).standard_normal((50, 1))
    assert repeated_ceiling(np.repeat(means, FEWEST, axis=1)) == pytest.approx(
        {"r2": 1.0, "kendall_tau": 1.0, "rank_tau": 1.0}
    )


def test_where_nothing_varies_there_is_no_ceiling() -> None:
    assert set(repeated_ceiling(np.full((50, FEWEST), 3.0)).values()) == {None}
    runs = np.random.default_rng(5).standard_normal((50, FEWEST))
    runs[:, 2] = 1.0
    assert set(repeated_ceiling(runs).values()) == {None}
