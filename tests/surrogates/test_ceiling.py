"""The ceiling of Kendall's tau where outcomes are tied: held against worlds whose means are known."""

from __future__ import annotations

import math

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


def runs_of(means: Array, noise: float, rng: np.random.Generator) -> Array:
    return guessing(np.repeat(means, 2) + noise * rng.standard_normal(2 * len(means)))


def best_possible(means: Array, outcomes: Array, noise: float, rng: np.random.Generator) -> float:
    """Give the tau of each configuration's expectation, over many more runs, in whole images."""
    further = guessing(means[:, None] + noise * rng.standard_normal((len(means), 2_000))).mean(axis=1)
    return float(kendalltau(np.repeat(np.round(further / STEP), 2), outcomes).statistic)


@pytest.mark.parametrize("noise", [0.15, 0.3, 0.6])
def test_ceiling_of_tied_outcomes_is_what_knowing_the_means_reaches(noise: float) -> None:
    rng = np.random.default_rng(4)
    means = rng.standard_normal(CONFIGURATIONS)
    outcomes = runs_of(means, noise, rng)
    assert (outcomes == outcomes.max()).mean() > 0.25
    ceiling = noise_ceiling(outcomes, TWICE)
    wanted = best_possible(means, outcomes, noise, rng)
    assert ceiling["kendall_tau"] == pytest.approx(wanted, abs=0.006)
    assert ceiling["replicate_tau"] is not None
    assert closed(ceiling["replicate_tau"]) > wanted + 0.006


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
    outcomes = runs_of(rng.standard_normal(CONFIGURATIONS), 0.3, rng)
    plain, scaled = (noise_ceiling(factor * outcomes, TWICE)["kendall_tau"] for factor in (1.0, 1e-6))
    assert scaled == pytest.approx(plain, abs=1e-9)


def test_replicates_that_disagree_leave_nothing_to_know() -> None:
    values = np.round(np.random.default_rng(8).standard_normal(500), 1)
    assert best_tau(values, -0.1) == 0.0


@pytest.mark.parametrize("pairs", [30, 300])
@pytest.mark.parametrize("tied", [True, False])
def test_standard_errors_are_how_much_estimates_scatter(pairs: int, tied: bool) -> None:
    rng = np.random.default_rng(10)
    found: dict[str, list[float]] = {name: [] for name in ("r2", "r2_error", "kendall_tau", "kendall_tau_error")}
    for _ in range(60):
        latent = np.repeat(rng.standard_normal(pairs), 2) + 0.4 * rng.standard_normal(2 * pairs)
        ceiling = noise_ceiling(guessing(latent) if tied else latent, TWICE[: 2 * pairs])
        for name, values in found.items():
            values.append(ceiling[name] or math.nan)
    for name in ("r2", "kendall_tau"):
        assert np.mean(found[f"{name}_error"]) == pytest.approx(np.std(found[name]), rel=0.4)


def test_share_of_noise_is_the_complement_of_r2() -> None:
    rng = np.random.default_rng(9)
    outcomes = runs_of(rng.standard_normal(CONFIGURATIONS), 0.3, rng)
    r2, noise = noise_ceiling(outcomes, TWICE)["r2"], noise_share(outcomes, TWICE)
    assert r2 is not None
    assert noise == pytest.approx(1.0 - r2)
    assert noise_share(outcomes[:4], TWICE[:4]) is None
    assert noise_share(np.ones(40), TWICE[:40]) is None
