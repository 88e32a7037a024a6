"""Weighting: it is seen to help where it must, and to change nothing where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from bagbench.analysis import weighting
from bagbench.analysis.weighting import Weighted, judge_weights, weighting_page
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument
from bagbench.surrogates.examples import Examples
from bagbench.surrogates.fit import fold_of
from bagbench.surrogates.perceptrons import Perceptrons
from bagbench.surrogates.targets import SECONDS, Target, seconds_target

Array = NDArray[np.float64]

QUICK = Perceptrons(members=1, width=8, layers=1, passes=3)


def make_examples(chance: Array, outcomes: Array, seconds: Array | None = None) -> Examples:
    """Runs of one epoch of random configurations of `digits`, included with ``chance`` (n,)."""
    problem, n = get_problem("digits"), len(chance)
    vectors = problem.space.sample(np.random.default_rng(0), n)
    return Examples(
        problem=problem,
        targets=(Target(name="loss", low=-1e9, high=1e9, scale="identity"), seconds_target()),
        vectors=vectors,
        digests=np.array(problem.space.digests(vectors), dtype="S16"),
        seeds=np.zeros(n, dtype=np.int64),
        inclusion_probability=chance,
        values=np.stack([outcomes, outcomes if seconds is None else seconds], axis=1)[:, None],
        profile=np.ones(1),
        seconds_weights=np.ones(n),
        measured=np.zeros(n),
    )


def test_weights_help_over_the_space_and_cost_in_the_table_where_rare_runs_are_others() -> None:
    """What no feature tells: one run in three was included with a chance of 1 in 10, and scores 1 instead of 0."""
    rng = np.random.default_rng(1)
    rare = rng.random(600) < 1 / 3
    examples = make_examples(np.where(rare, 0.1, 1.0), rare + 0.1 * rng.standard_normal(600))
    judged = judge_weights(examples, QUICK)
    assert [(row.metric, row.power) for row in judged] == [
        (name, power) for name in ("loss", SECONDS) for power in (0.0, 0.5, 1.0)
    ]
    for none, root, everything in (judged[:3], judged[3:]):
        assert none.gains == {"as_collected": (0.0, 0.0), "of_the_space": (0.0, 0.0)}
        for weighted in (root, everything):
            assert weighted.gains["of_the_space"][0] > 0
            assert weighted.gains["as_collected"][1] < 0
            assert weighted.of_the_space > none.of_the_space
    page = weighting_page({"made up": judged[:3]}, "the command")
    assert "Of 2 weighted fits, 2 are better over the space" in page
    assert "`loss` of made up (all), `loss` of made up (root); 0 are worse." in page


def test_equal_chances_change_nothing() -> None:
    rng = np.random.default_rng(2)
    rows = judge_weights(make_examples(np.full(100, 0.25), rng.standard_normal(100)), QUICK)
    for row in rows:
        assert row.as_collected == pytest.approx(row.of_the_space)
        assert row.gains == {"as_collected": (0.0, 0.0), "of_the_space": (0.0, 0.0)}


def test_runs_that_somebody_chose_have_no_weight() -> None:
    chance = np.ones(40)
    chance[[3, 9]] = np.nan
    with pytest.raises(InvalidArgument, match="^2 runs were chosen, not drawn, and have no inclusion probability"):
        judge_weights(make_examples(chance, np.zeros(40)), QUICK)


def test_weighted_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    true, predicted, weights = rng.normal(size=50), rng.normal(size=50), rng.uniform(0.1, 9, 50)
    rows = rng.integers(50, size=(1, 50))
    whole, resampled = weighting._r2((true - predicted) ** 2, true, weights, rows)
    assert whole == pytest.approx(r2_score(true, predicted, sample_weight=weights))
    assert resampled == pytest.approx(r2_score(true[rows[0]], predicted[rows[0]], sample_weight=weights[rows[0]]))


def test_page_shows_intervals() -> None:
    row = Weighted(
        metric="loss",
        power=1.0,
        as_collected=0.5,
        of_the_space=0.25,
        gains={"as_collected": (-0.2, -0.1), "of_the_space": (-0.5, 0.125)},
    )
    page = weighting_page({"t": [row]}, "the command")
    assert "| t | loss | all | 0.5000 (-0.2000 to -0.1000) | 0.2500 (-0.5000 to +0.1250) |" in page
    assert "Of 1 weighted fits, 0 are better over the space than chance explains; 0 are worse." in page
    assert "```sh\nthe command\n```" in page


def test_runs_that_tell_no_seconds_teach_none_and_judge_none() -> None:
    rng = np.random.default_rng(4)
    outcomes = rng.standard_normal(300)
    chance, known = np.full(300, 0.5), rng.random(300) < 0.5
    some = judge_weights(make_examples(chance, outcomes, np.where(known, outcomes, np.nan)), QUICK)
    alone = judge_weights(make_examples(chance, outcomes).take(np.flatnonzero(known)), QUICK)
    seconds = [[row.as_collected for row in rows if row.metric == SECONDS] for rows in (some, alone)]
    assert seconds[0] == pytest.approx(seconds[1])
    everything = make_examples(chance, outcomes)
    one_fold = np.where(fold_of(everything) == 0, outcomes, np.nan)
    with pytest.raises(InvalidArgument, match="all that tell seconds are in one fold"):
        judge_weights(make_examples(chance, outcomes, one_fold), QUICK)
