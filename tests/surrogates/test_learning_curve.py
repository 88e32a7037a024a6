"""The learning curve: nested parts of configurations, and an extrapolation that finds the law it was made with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.fit import fold_of
from bagbench.surrogates.learning_curve import doubling, learning_curve, parts
from bagbench.tables.table import Table


def test_parts_are_nested_keep_replicates_together_and_leave_their_fold_out(table: Table) -> None:
    examples = read_examples(table)
    folds = fold_of(examples)
    found = parts(examples.digests, folds)
    assert {part.fold for part in found} == {0, 1}  # a small table: two folds
    for part in found:
        assert not (folds[part.rows] == part.fold).any()
        inside = np.isin(examples.digests, examples.digests[part.rows])
        assert np.flatnonzero(inside).tolist() == part.rows.tolist()
    by_share = {part.share: set(part.rows.tolist()) for part in found if part.fold == 0}
    assert by_share[1 / 4] < by_share[1 / 2]
    assert len(by_share[1 / 4]) >= 20


def test_a_large_table_is_judged_on_one_fold() -> None:
    rng = np.random.default_rng(0)
    digests = np.array([f"{int(number):016x}" for number in rng.integers(0, 2**62, 6000)], dtype="S16")
    folds = np.array([int(digest, 16) % 5 for digest in digests])
    found = parts(digests, folds)
    assert [(part.fold, part.share) for part in found] == [(0, 1 / 8), (0, 1 / 4), (0, 1 / 2)]
    for part in found:
        assert len(part.rows) == pytest.approx(part.share * 4800, rel=0.1)


def test_doubling_finds_the_power_law() -> None:
    runs = [100, 200, 400, 800]
    scores = [0.9 - 2.0 * n**-0.5 for n in runs]
    gain = doubling(runs, scores, 0.9)
    assert gain == pytest.approx(2.0 * (800**-0.5 - 1600**-0.5))
    assert doubling(runs[:2], scores[:2], 0.9) is None
    assert doubling(runs, [0.95, 0.8, 0.8, 0.8], 0.9) is None
    assert doubling(runs, [None, *scores[1:]], 0.9) is None


def test_curve_scores_each_part_on_the_same_runs(table: Table) -> None:
    """Predictions that are wrong by less the more was learnt."""
    examples = read_examples(table)
    folds = fold_of(examples)
    found = parts(examples.digests, folds)
    learnt = [(part, examples.values[folds == part.fold] * (0.5 + 0.5 * part.share)) for part in found]
    evidence: Any = learning_curve(examples, folds, examples.values, learnt)
    r2, rmse = evidence["curve"]["r2"], evidence["curve"]["rmse"]
    assert evidence["judged"] == np.isin(folds, [0, 1]).sum()
    assert r2 == sorted(r2)
    assert (r2[-1], rmse[-1]) == pytest.approx((1.0, 0.0))
    assert rmse == sorted(rmse, reverse=True)
    runs = evidence["curve"]["runs"]
    assert runs == sorted(runs)
    assert runs[-1] == pytest.approx(0.8 * len(table), rel=0.1)


def test_fitted_surrogate_has_learnt_more_from_more(file: object) -> None:
    card: Any = SurrogateBenchmark(str(file)).card
    curve = card["learning_curve"]["curve"]
    assert curve["r2"][-1] > curve["r2"][0]
    assert card["metrics"]["val_error"]["full_fidelity"]["r2"] == pytest.approx(curve["r2"][-1], abs=0.15)
