"""A student that learns functions which are known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems.errors import InvalidArgument, MissingExtra
from bagbench.surrogates.distillation import Student
from bagbench.surrogates.fit import fit_surrogate
from bagbench.surrogates.training import Recipe
from bagbench.tables.table import Table

Rows = tuple[np.ndarray, np.ndarray]


def lesson(n: int, seed: int) -> Rows:
    """Draw a choice, a number that two of its options have, another number and the epoch; and two functions of them."""
    rng = np.random.default_rng(seed)
    choice, x, epoch = rng.integers(0, 3, n), rng.random(n), rng.integers(1, 26, n)
    optional = np.where(choice > 0, rng.random(n), np.nan)
    features = np.column_stack([choice, optional, x, epoch]).astype(np.float32)
    curve = np.sin(5 * x) * np.array([1.0, -1.0, 0.3])[choice] + 2 * np.exp(-epoch / 3)
    other = 1e6 + 1e4 * np.nan_to_num(optional, nan=-1.0) ** 2
    return features, np.column_stack([curve, other])


@pytest.fixture(scope="module")
def known() -> Rows:
    return lesson(8000, 0)


QUICK = Student(hidden=(32, 32), steps=2000, batch=256)


def test_functions_of_any_scale_are_learnt_at_once(known: Rows) -> None:
    features, wanted = lesson(3000, 1)
    found = QUICK.learn(*known, seed=0).predict(features)
    unexplained = ((found - wanted) ** 2).mean(axis=0) / wanted.var(axis=0)
    assert (unexplained < 0.005).all()


def test_more_units_come_nearer(known: Rows) -> None:
    features, wanted = lesson(3000, 1)
    misses = [
        np.mean((Student(hidden=hidden, steps=1500).learn(*known, seed=0).predict(features) - wanted)[:, 0] ** 2)
        for hidden in ((2,), (16, 16))
    ]
    assert misses[1] < misses[0] / 4


def test_a_seed_fixes_every_bit_and_nothing_is_changed(known: Rows) -> None:
    before = [rows.copy() for rows in known]
    short = Student(hidden=(8,), steps=50)
    one, same, other = (short.learn(*known, seed=seed).predict(known[0]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    for rows, then in zip(known, before, strict=True):
        np.testing.assert_array_equal(rows, then)


def test_fewer_examples_than_a_batch_are_enough() -> None:
    features, wanted = lesson(20, 0)
    assert np.isfinite(Student(hidden=(8,), steps=20).learn(features, wanted, seed=0).predict(features)).all()


def test_what_never_differs_is_said_as_it_is(known: Rows) -> None:
    features, wanted = known
    constant = np.column_stack([wanted[:, 0], np.full(len(wanted), 7.0)])
    found = Student(hidden=(8,), steps=400).learn(features, constant, seed=0).predict(features)
    np.testing.assert_allclose(found[:, 1], 7.0, atol=0.2)


@pytest.mark.parametrize(
    "wrong", [{"hidden": ()}, {"hidden": (8, 0)}, {"steps": 10}, {"batch": 0}, {"learning_rate": 0.0}]
)
def test_students_that_could_not_learn_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match="hidden units"):
        Student(**wrong)


def test_without_torch_the_extra_is_named_at_once(
    table: Table, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(Recipe, "teach", None)  # is not come to
    with pytest.raises(MissingExtra, match=r"fitting a surrogate needs torch, .*pip install 'bagbench\[fit\]'"):
        fit_surrogate(table, tmp_path / "mine.onnx", recipe=recipe)
    assert not list(tmp_path.iterdir())
