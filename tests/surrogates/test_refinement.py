"""Leaves that are chosen for all trees together."""

from __future__ import annotations

import numpy as np
import pytest

from bagbench.surrogates.boosting import Boosting
from bagbench.surrogates.forest import Forest
from bagbench.surrogates.refinement import refine


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.random((600, 3)).astype(np.float32)
    features[::7, 1] = np.nan
    targets = np.sin(6 * features[:, 0]) * features[:, 2] + np.nan_to_num(features[:, 1], nan=2.0)
    return features, targets.astype(np.float64)


@pytest.fixture(scope="module")
def forest(rows: tuple[np.ndarray, np.ndarray]) -> Forest:
    settings = Boosting(model="lightgbm", trees=4, leaves=12, learning_rate=0.6, rows_in_leaf=5, l2=0.0)
    return settings.fit(*rows)


def squares(forest: Forest, rows: tuple[np.ndarray, np.ndarray]) -> float:
    features, targets = rows
    return float(((targets - forest.predict(features)) ** 2).sum())


def test_many_rounds_end_at_the_least_squares_of_all_leaves_together(
    forest: Forest, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    features, targets = rows
    ends = [tree.leaves(features) for tree in forest.trees]
    leaves = np.concatenate([np.eye(len(tree.value))[end] for tree, end in zip(forest.trees, ends, strict=True)], 1)
    best = leaves @ np.linalg.lstsq(leaves, targets - forest.base, rcond=None)[0] + forest.base
    refined = refine(forest, features, targets, 5000)
    np.testing.assert_allclose(refined.predict(features), best, atol=1e-4)


def test_every_round_comes_nearer_and_none_changes_what_it_was_given(
    forest: Forest, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    before = [tree.value.copy() for tree in forest.trees]
    far = [squares(refine(forest, *rows, rounds), rows) for rounds in (0, 1, 2, 5, 20)]
    assert far[0] == pytest.approx(squares(forest, rows))
    assert (np.diff(far) < 0).all()
    assert all((tree.value == value).all() for tree, value in zip(forest.trees, before, strict=True))


def test_trees_stay_as_they_are_but_for_their_leaves(forest: Forest, rows: tuple[np.ndarray, np.ndarray]) -> None:
    refined = refine(forest, *rows, 3)
    for old, new in zip(forest.trees, refined.trees, strict=True):
        assert (old.feature == new.feature).all()
        assert (old.threshold == new.threshold).all()
        assert (new.value[new.feature >= 0] == 0).all()
