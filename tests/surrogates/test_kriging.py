"""Kriging: what few runs teach, and that many are left to others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from bagbench.surrogates.kriging import Kriging
from bagbench.surrogates.perceptrons import Perceptrons

Array = NDArray[np.float64]


def outcomes(features: Array) -> Array:
    """Two smooth functions of the first two features of six (n, 6), the third only where it is there."""
    x, y, z = np.nan_to_num(features[:, :3]).T
    return np.stack([np.sin(3 * x) + y, np.sin(3 * x) * y + 0.5 * z], axis=1)


def make_features(rng: np.random.Generator, n: int) -> Array:
    features = rng.uniform(-1, 1, (n, 6))
    features[rng.random(n) < 0.3, 2] = np.nan
    return features


def test_few_noisy_runs_teach_a_smooth_function() -> None:
    rng = np.random.default_rng(0)
    features, unseen = make_features(rng, 200), make_features(rng, 500)
    targets = outcomes(features) + 0.1 * rng.standard_normal((200, 2))
    predicted = Kriging().regress(features, targets, seed=0)(unseen)
    assert predicted.shape == (500, 2)
    kriged = [r2_score(outcomes(unseen)[:, i], predicted[:, i]) for i in range(2)]
    assert min(kriged) > 0.95
    network = Perceptrons().regress(features, targets[:, 1], seed=0)(unseen)
    assert kriged[1] > r2_score(outcomes(unseen)[:, 1], network)


def test_answers_do_not_depend_on_what_else_is_asked() -> None:
    rng = np.random.default_rng(1)
    features, unseen = make_features(rng, 60), make_features(rng, 9_000)
    model = Kriging(steps=3).regress(features, outcomes(features)[:, :1], seed=0)
    together = model(unseen)
    assert together.shape == (9_000, 1)
    np.testing.assert_allclose(together[:50], model(unseen[:50]), rtol=1e-9)
    again = Kriging(steps=3).regress(features, outcomes(features)[:, :1], seed=0)
    np.testing.assert_array_equal(together, again(unseen))


def test_equal_outcomes_are_learnt() -> None:
    features = make_features(np.random.default_rng(2), 30)
    predicted = Kriging().regress(features, np.full((30, 3), 7.0), seed=0)(features)
    np.testing.assert_allclose(predicted, 7.0)


@pytest.mark.parametrize(("runs", "share"), [(20, 0.4), (1_500, 0.4), (1_750, 0.2), (2_000, 0.0), (50_000, 0.0)])
def test_share_fades_where_runs_are_many(runs: int, share: float) -> None:
    assert Kriging(share=0.4, most_runs=2_000).share_of(runs) == pytest.approx(share)
