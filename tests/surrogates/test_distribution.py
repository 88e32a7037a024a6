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


def test_long_tails_are_cut_further() -> None:
    values = np.random.default_rng(2).pareto(2.5, (4000, 1))
    many, few = Thresholds.of(values), Thresholds.of(np.repeat(values, 60, axis=1))
    left = [values - own.expectations(own.exceeded(values).astype(float)) for own in (many, Thresholds.of(values, 36))]
    assert left[0].var() < 0.5 * left[1].var()
    assert set(Thresholds.of(values, 36).limits[0]) < set(many.limits[0])
    assert np.bincount(np.searchsorted(many.limits[0], values[:, 0])).min() >= 5
    assert {len(cuts) for cuts in few.limits} == {CLASSES - 1}, "of many quantities there is no room for more"


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
