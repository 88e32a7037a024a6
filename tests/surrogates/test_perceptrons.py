"""Perceptrons: they learn what trees find hard, and the same whenever they are asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bagbench.problems.errors import InvalidArgument
from bagbench.surrogates import perceptrons
from bagbench.surrogates.perceptrons import Perceptrons

QUICK = Perceptrons(members=2, width=24, layers=1, passes=48)


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


def test_odds_of_members_are_averaged_not_their_probabilities(
    features: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.column_stack([features[:, 0] > 0.5, features[:, 1] + features[:, 2] > 1.9])
    monkeypatch.setattr(perceptrons, "_FIRST_WEIGHTS", 3.0)  # members that begin far from each other stay so
    model = replace(QUICK, decay=0.0).classify(features, labels, seed=4)
    evaluate, said = perceptrons._evaluate, []

    def spy(*arguments: object) -> torch.Tensor:
        said.append(evaluate(*arguments))
        return said[-1]

    monkeypatch.setattr(perceptrons, "_evaluate", spy)
    together = model(features)
    odds = np.exp(np.concatenate(said, axis=1, dtype=np.float64))
    assert odds.shape == (2, *labels.shape)
    np.testing.assert_allclose(together / (1 - together), np.sqrt(odds[0] * odds[1]), rtol=1e-4)
    assert np.abs(together - (odds / (1 + odds)).mean(axis=0)).max() > 1e-3


def test_random_numbers_of_others_are_left_alone(features: NDArray[np.float64]) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    QUICK.regress(features, features[:, 0], seed=0)
    assert (torch.rand(3) == wanted).all()


def test_heavy_examples_count_more(features: NDArray[np.float64]) -> None:
    """What no feature tells: one in three says 1, the others 0, and counts twice."""
    ones = np.random.default_rng(2).permutation(np.arange(len(features)) % 3 == 0)
    weights, held = np.where(ones, 2.0, 1.0), replace(QUICK, decay=3.0, width=4)
    chances = held.classify(features, ones[:, None], weights=weights, seed=0)(features)
    means = held.regress(features, ones.astype(np.float64), weights=weights, seed=0)(features)
    assert chances.mean() == pytest.approx(1 / 2, abs=0.03)
    assert means.mean() == pytest.approx(1 / 2, abs=0.03)


def test_weights_are_relative(features: NDArray[np.float64]) -> None:
    for learn, targets in ((QUICK.classify, features[:, :2] > 0.5), (QUICK.regress, features[:, 0])):
        bare = learn(features, targets, seed=0)(features)
        equal = learn(features, targets, weights=np.full(len(features), 8.0), seed=0)(features)
        np.testing.assert_array_equal(equal, bare)


def test_of_few_examples_noise_is_not_learnt_by_heart(features: NDArray[np.float64]) -> None:
    noise = np.random.default_rng(1).standard_normal(len(features))
    usual = Perceptrons(members=1, width=64, layers=3)
    free = replace(usual, decay=0.0, dropout=0.0)
    held, learnt = (kind.regress(features, noise, seed=0)(features) for kind in (usual, free))
    assert held.var() < 0.5 * learnt.var()


def test_many_rows_are_answered_like_few(features: NDArray[np.float64]) -> None:
    model = QUICK.regress(features, features[:, 1], seed=0)
    rows = np.tile(features, (20, 1))
    np.testing.assert_allclose(model(rows)[-600:], model(features), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"members": 0}, {"width": 0}, {"layers": 0}, {"passes": 0}, {"dropout": 1.0}])
def test_perceptrons_that_could_not_learn_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match="members, units, layers and passes"):
        Perceptrons(**wrong)
