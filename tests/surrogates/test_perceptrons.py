"""Perceptrons: they learn what trees find hard, and the same whenever they are asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.surrogates.perceptrons import Perceptrons

QUICK = Perceptrons(members=2, hidden=(24,), passes=48)


@pytest.fixture(scope="module")
def features() -> NDArray[np.float64]:
    rows = np.random.default_rng(0).random((600, 4))
    rows[::3, 3] = np.nan
    return rows


def test_a_slanted_border_is_learnt(features: NDArray[np.float64]) -> None:
    labels = np.column_stack([features[:, 0] + features[:, 1] > 1, np.isnan(features[:, 3])])
    model = QUICK.classify(features[:400], labels[:400], seed=0)
    probabilities = model(features[400:])
    assert probabilities.shape == (200, 2)
    assert ((probabilities > 0.5) == labels[400:]).mean(axis=0).min() > 0.93


def test_a_single_label_and_one_that_never_happens_are_no_special_case(features: NDArray[np.float64]) -> None:
    border = (features[:, :1] > 0.5).astype(bool)
    assert ((QUICK.classify(features, border, seed=0)(features) > 0.5) == border).mean() > 0.93
    never = np.column_stack([border, np.zeros(len(border), dtype=bool)])
    assert QUICK.classify(features, never, seed=0)(features)[:, 1].max() < 0.1


def test_means_are_learnt(features: NDArray[np.float64]) -> None:
    targets = 50 + 10 * features[:, 0] * features[:, 1]
    predicted = QUICK.regress(features[:400], targets[:400], seed=0)(features[400:])
    assert np.corrcoef(predicted, targets[400:])[0, 1] > 0.95


def test_same_seed_same_model_and_another_another(features: NDArray[np.float64]) -> None:
    one, same, other = (QUICK.regress(features, features[:, 0], seed=seed)(features) for seed in (0, 0, 9))
    assert (one == same).all()
    assert not (one == other).all()


def test_odds_of_members_are_averaged_not_their_probabilities(features: NDArray[np.float64]) -> None:
    labels = np.column_stack([features[:, 0] > 0.5, features[:, 1] + features[:, 2] > 1.9])
    alone = [replace(QUICK, members=1).classify(features, labels, seed=seed)(features) for seed in (4, 5)]
    odds = [probabilities / (1 - probabilities) for probabilities in alone]
    together = QUICK.classify(features, labels, seed=4)(features)
    np.testing.assert_allclose(together / (1 - together), np.sqrt(odds[0] * odds[1]), rtol=1e-6)
    assert np.abs(together - np.mean(alone, axis=0)).max() > 1e-3
