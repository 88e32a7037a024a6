"""Calibration: scores against closed forms, and evidence where the truth is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.calibration import _normal_crps, calibration, coverage, crps, reliability
from bagbench.surrogates.examples import Examples
from bagbench.surrogates.targets import Target


def examples(values: np.ndarray) -> Examples:
    """Runs of one epoch with outcomes ``values`` (n,) of a metric that is predicted as it is."""
    n = len(values)
    return Examples(
        problem=None,  # type: ignore[arg-type]
        targets=(Target(name="loss", low=-1e9, high=1e9, scale="identity"),),
        vectors=np.zeros((n, 1)),
        digests=np.arange(n).astype("S16"),
        seeds=np.zeros(n, dtype=np.int64),
        inclusion_probability=np.ones(n),
        values=values[:, None, None],
        profile=np.ones(1),
        seconds_weights=np.ones(n),
        measured=np.zeros(n),
    )


def judge(means: np.ndarray, values: np.ndarray) -> Any:
    return calibration(examples(values), means[:, None, None], np.arange(len(values)) % 5)


def test_crps_of_many_samples_is_that_of_their_distribution() -> None:
    samples = np.random.default_rng(0).normal(size=(1, 200_000))
    at_zero = 2 / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi)  # of a standard normal (Gneiting & Raftery 2007)
    assert crps(np.zeros(1), samples)[0] == pytest.approx(at_zero, abs=0.005)
    assert crps(np.array([3.0]), np.full((1, 7), 5.0))[0] == 2.0


def test_intervals_of_noise_that_depends_on_the_mean_cover_what_they_claim() -> None:
    rng = np.random.default_rng(1)
    means = rng.random(4000)
    evidence = judge(means, means + (0.05 + means) * rng.normal(size=4000))
    assert evidence["coverage"]["0.8"] == pytest.approx(0.8, abs=0.03)
    assert evidence["coverage"]["0.95"] == pytest.approx(0.95, abs=0.03)
    assert evidence["crps"] < 0.95 * evidence["crps_homoscedastic"]


def test_the_rival_with_one_spread_has_the_best_spread_there_is() -> None:
    rng = np.random.default_rng(2)
    heavy = rng.standard_t(2.5, 3000)  # the root mean squared error is far too wide for most of these
    found = judge(np.zeros(3000), heavy)["crps_homoscedastic"]
    best = min(float(_normal_crps(heavy, np.zeros(3000), spread).mean()) for spread in np.linspace(0.3, 6, 400))
    assert found == pytest.approx(best, rel=1e-3)
    assert found < 0.99 * float(_normal_crps(heavy, np.zeros(3000), float(np.sqrt(np.mean(heavy**2)))).mean())


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("k", [9, 64])
def test_true_samples_cover_what_they_claim_whether_outcomes_are_equal_or_not(level: float, k: int) -> None:
    """Outcome and samples of one distribution: one without ties, and one that is guessing three times in four."""
    rng = np.random.default_rng(3)
    smooth = rng.normal(90.0, 2.0, (20_000, k + 1))
    mixed = np.where(rng.random(smooth.shape) < 0.75, 94.117647, smooth)
    counts = rng.poisson(1.0, smooth.shape).astype(float)
    for draws in (smooth, mixed, mixed.astype(np.float32).astype(float), counts):
        assert coverage(draws[:, 0], draws[:, 1:], level) == pytest.approx(level, abs=0.012)
    rounded = mixed[:, 1:].astype(np.float32).astype(float)  # as a library keeps them
    assert coverage(mixed[:, 0], rounded, level) == pytest.approx(level, abs=0.012)


def test_samples_that_scatter_too_little_or_too_much_are_told() -> None:
    truth = np.random.default_rng(4).normal(size=5_000)
    samples = np.random.default_rng(5).normal(size=(5_000, 64))
    assert coverage(truth, 0.5 * samples, 0.8) == pytest.approx(0.48, abs=0.03)  # 2 Phi(1.28 / 2) - 1
    assert coverage(truth, 2 * samples, 0.8) == pytest.approx(0.99, abs=0.01)
    assert coverage(np.full(10, 7.0), np.full((10, 64), 3.0), 0.8) == 0.0


def test_probability_of_collapse_is_calibrated_where_outcomes_have_two_modes() -> None:
    rng = np.random.default_rng(2)
    chance = rng.random(6000)
    evidence = judge(chance, np.where(rng.random(6000) < chance, 1.0, 0.0))["collapse"]
    assert evidence["limit"] == 0.5
    assert evidence["brier"] == pytest.approx(1 / 6, abs=0.01)  # the mean of p (1 - p)
    assert evidence["brier_of_the_share"] == pytest.approx(0.25, abs=0.01)
    for row in evidence["table"]:
        assert row["share"] == pytest.approx(row["predicted"], abs=0.08)


def test_reliability_counts() -> None:
    table = reliability(np.array([True, False, True, True]), np.array([0.11, 0.12, 0.95, 1.0]))["table"]
    assert table == [
        {"runs": 2, "predicted": pytest.approx(0.115), "share": 0.5},
        {"runs": 2, "predicted": pytest.approx(0.975), "share": 1.0},
    ]


def test_every_surrogate_carries_the_evidence(file: Path) -> None:
    card: Any = SurrogateBenchmark(file).card
    assert card["calibration"]["metric"] == "val_error"
    assert 0.6 < card["calibration"]["coverage"]["0.8"] <= 1.0
