"""Thresholds: labels and means, against counting."""

from __future__ import annotations

import numpy as np

from bagbench.surrogates.distribution import CLASSES, Thresholds


def test_somebody_who_knows_the_shares_gets_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=(500, 3)) ** 3
    thresholds = Thresholds.of(values)
    shares = thresholds.exceeded(values).mean(axis=0)[None]
    np.testing.assert_allclose(thresholds.expectations(shares), values.mean(axis=0)[None])


def test_certain_outcomes_get_the_mean_of_their_class() -> None:
    values = np.repeat(np.arange(CLASSES, dtype=float), 10)[:, None]
    thresholds = Thresholds.of(values)
    np.testing.assert_allclose(thresholds.expectations(thresholds.exceeded(values).astype(float)), values)


def test_probabilities_in_the_wrong_order_are_sorted() -> None:
    thresholds = Thresholds.of(np.arange(30.0)[:, None], classes=3)
    right, wrong = np.array([[0.9, 0.2]]), np.array([[0.2, 0.9]])
    assert thresholds.expectations(wrong) == thresholds.expectations(right)
    assert thresholds.expectations(right) > thresholds.expectations(np.array([[0.5, 0.2]]))


def test_ties_and_constants_leave_no_class_empty() -> None:
    rng = np.random.default_rng(1)
    values = np.column_stack([np.where(rng.random(200) < 0.7, 90.0, 90.0 * rng.random(200)), np.full(200, 4.0)])
    thresholds = Thresholds.of(values)
    assert np.isfinite(np.concatenate(thresholds.means)).all()
    assert len(thresholds.limits[1]) == 0
    assert (thresholds.expectations(thresholds.exceeded(values).astype(float))[:, 1] == 4.0).all()
