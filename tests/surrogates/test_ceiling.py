"""The ceiling of Kendall's tau where outcomes are tied: held against worlds whose means are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau

from bagbench.surrogates.ceiling import best_tau, noise_ceiling, noise_share

Array = NDArray[np.float64]

CONFIGURATIONS = 3_000
STEP = 100 / 340
"""Percent of one image."""
TWICE = np.array([f"{i:016x}" for i in np.repeat(np.arange(CONFIGURATIONS), 2)], dtype="S16")


def closed(agreement: float) -> float:
    """Give the ceiling of outcomes without ties."""
    return 2 / math.pi * math.asin(math.sqrt(math.sin(math.pi / 2 * agreement)))


def guessing(latent: Array) -> Array:
    """Make errors in percent, in whole images; all that score worse than guessing score as guessing does."""
    return np.round(np.minimum(70 + 20 * latent, 74.0) / STEP) * STEP


def clipped(latent: Array) -> Array:
    """Make losses of which a third are at their limit, and no others are tied."""
    return np.minimum(latent, 0.4)


def solved(latent: Array) -> Array:
    """Tell who solves it, one in six without noise."""
    return (latent > 1.0).astype(np.float64)


WORLDS = {"guessing": guessing, "clipped": clipped, "solved": solved}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("noise", [0.15, 0.3, 0.6, 1.0])
def test_ceiling_of_tied_outcomes_is_what_knowing_the_means_reaches(world: str, noise: float) -> None:
    """In each world the expectation of a run rises with its latent mean, until rounding hides that it does."""
    rng = np.random.default_rng(4)
    means = rng.standard_normal(CONFIGURATIONS)
    outcomes = WORLDS[world](np.repeat(means, 2) + noise * rng.standard_normal(2 * CONFIGURATIONS))
    known = np.repeat(expected(WORLDS[world], means, noise), 2)
    wanted = float(kendalltau(known, outcomes).statistic)
    ceiling = noise_ceiling(outcomes, TWICE)
    assert ceiling["kendall_tau"] == pytest.approx(wanted, abs=0.015)
    assert ceiling["replicate_tau"] is not None
    assert closed(ceiling["replicate_tau"]) > wanted + 0.01


def expected(world: Callable[[Array], Array], means: Array, noise: float) -> Array:
    """Give the expectations (k,), to nine digits, by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(180)
    runs = world(means[:, None] + noise * nodes)
    known: Array = np.round((runs * weights).sum(axis=1) / weights.sum(), 9)
    return known


def test_without_noise_the_best_is_one_tied_or_not() -> None:
    means = np.random.default_rng(5).standard_normal(CONFIGURATIONS)
    assert noise_ceiling(guessing(np.repeat(means, 2)), TWICE)["kendall_tau"] == pytest.approx(1.0, abs=0.005)
    assert noise_ceiling(np.repeat(means, 2), TWICE)["kendall_tau"] == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("agreement", [0.2, 0.5, 0.8])
def test_hardly_any_ties_hardly_change_it(agreement: float) -> None:
    values = np.random.default_rng(6).standard_normal(5_000)
    assert best_tau(values, agreement) == pytest.approx(closed(agreement), abs=1e-12)
    for tied in (np.append(values, values[:3]), np.round(values, 2)):
        assert best_tau(tied, agreement) == pytest.approx(closed(agreement), abs=0.004)


def test_units_do_not_matter() -> None:
    rng = np.random.default_rng(7)
    outcomes = guessing(
        np.repeat(rng.standard_normal(CONFIGURATIONS), 2) + 0.3 * rng.standard_normal(2 * CONFIGURATIONS)
    )
    plain, scaled = (noise_ceiling(factor * outcomes, TWICE)["kendall_tau"] for factor in (1.0, 1e-6))
    assert scaled == pytest.approx(plain, abs=1e-9)


def test_replicates_that_disagree_leave_nothing_to_know() -> None:
    values = np.round(np.random.default_rng(8).standard_normal(500), 1)
    assert best_tau(values, -0.1) == 0.0


@pytest.mark.parametrize(("configurations", "runs"), [(30, 2), (300, 2), (60, 10)])
@pytest.mark.parametrize("tied", [True, False])
def test_standard_errors_are_how_much_estimates_scatter(configurations: int, runs: int, tied: bool) -> None:
    rng = np.random.default_rng(10)
    digests = np.array([f"{i:016x}" for i in np.repeat(np.arange(configurations), runs)], dtype="S16")
    found: dict[str, list[float]] = {name: [] for name in ("r2", "r2_error", "kendall_tau", "kendall_tau_error")}
    for _ in range(60):
        means = np.repeat(rng.standard_normal(configurations), runs)
        latent = means + 0.4 * rng.standard_normal(len(means))
        ceiling = noise_ceiling(guessing(latent) if tied else latent, digests)
        for name, values in found.items():
            values.append(ceiling[name] or math.nan)
    for name in ("r2", "kendall_tau"):
        assert np.mean(found[f"{name}_error"]) == pytest.approx(np.std(found[name]), rel=0.4)


@pytest.mark.parametrize("seed", range(20))
def test_coarse_outcomes_that_hardly_agree_have_a_ceiling(seed: int) -> None:
    rng = np.random.default_rng(seed)
    latent = np.repeat(rng.standard_normal(100), 2) + 2 * rng.standard_normal(200)
    for outcomes in ((latent > 3.5).astype(np.float64), np.round(latent / 3)):
        ceiling = noise_ceiling(outcomes, TWICE[:200])
        assert ceiling["kendall_tau"] is None or 0.0 <= ceiling["kendall_tau"] <= 1.0


def test_one_configuration_alone_that_learns() -> None:
    outcomes = np.zeros(4_000)
    outcomes[10:12] = 1.0
    assert noise_ceiling(outcomes, TWICE[:4_000])["kendall_tau"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("size", [1e9, 1e12, 1e100])
def test_one_run_that_exploded_ties_no_others(size: float) -> None:
    rng = np.random.default_rng(11)
    outcomes = np.repeat(rng.standard_normal(500), 2) + 0.3 * rng.standard_normal(1_000)
    plain = noise_ceiling(outcomes, TWICE[:1_000])["kendall_tau"]
    outcomes[7] = size
    assert noise_ceiling(outcomes, TWICE[:1_000])["kendall_tau"] == pytest.approx(plain, abs=0.01)


def test_share_of_noise_is_the_complement_of_r2() -> None:
    rng = np.random.default_rng(9)
    outcomes = guessing(
        np.repeat(rng.standard_normal(CONFIGURATIONS), 2) + 0.3 * rng.standard_normal(2 * CONFIGURATIONS)
    )
    r2, noise = noise_ceiling(outcomes, TWICE)["r2"], noise_share(outcomes, TWICE)
    assert r2 is not None
    assert noise == pytest.approx(1.0 - r2)
    assert noise_share(outcomes[:4], TWICE[:4]) is None
    assert noise_share(np.ones(40), TWICE[:40]) is None
