"""Indicators against pictures, brute force, closed forms and laws."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from bagbench.analysis.indicators import (
    Anytime,
    additive_epsilon,
    anytime_hypervolume,
    counted,
    hypervolume,
    igd_plus,
    median_attainment,
    nondominated,
    normalized_hypervolume,
)
from bagbench.problems.errors import InvalidArgument
from bagbench.simulator.history import History

REFERENCE = np.array([100.0, 8.0])
IDEAL = np.array([0.0, 2.0])

points_2d = hnp.arrays(np.float64, st.tuples(st.integers(0, 25), st.just(2)), elements=st.integers(0, 12).map(float))


def history(losses: NDArray[np.float64], **columns: object) -> History:
    """Make a history of full-fidelity trials that end at 1, 2, 3, ... seconds."""
    n = len(losses)
    times = np.arange(1.0, n + 1)
    defaults: dict[str, object] = dict(
        digests=np.full(n, "x"),
        vectors=np.zeros((n, 1)),
        epochs=np.full(n, 25),
        resume_from=np.zeros(n),
        seeds=np.zeros(n),
        losses=losses,
        asked=times - 1,
        started=times - 1,
        finished=times,
        worker=np.zeros(n),
        status=np.full(n, "ok", dtype="U8"),
        thinking=np.zeros(n),
        problem="toy",
        objectives=("a", "b"),
        optimizer="toy",
        seed=0,
        workers=1,
        budget_seconds=None,
        budget_evaluations=n,
        checkpointing=True,
        benchmark="toy",
        wall_seconds=0.0,
    )
    return History(**(defaults | columns))  # type: ignore[arg-type]


def test_hypervolume_of_two_steps_is_the_area_of_the_picture() -> None:
    # reference (4, 4); points (1, 2) and (2, 1): 3*2 + 2*1
    assert hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([4.0, 4.0])) == 8.0


def test_points_beyond_the_reference_and_failed_runs_add_nothing() -> None:
    losses = np.array([[50.0, 5.0], [101.0, 2.0], [1.0, 8.0], [np.nan, np.nan]])
    assert hypervolume(losses, REFERENCE) == 50.0 * 3.0
    assert hypervolume(losses[1:], REFERENCE) == 0.0


def test_normalized_hypervolume_is_one_at_the_ideal_and_never_above() -> None:
    assert normalized_hypervolume(IDEAL[None], REFERENCE, IDEAL) == 1.0
    assert normalized_hypervolume(IDEAL[None] - 1, REFERENCE, IDEAL) == 1.0
    assert normalized_hypervolume(np.array([[50.0, 5.0]]), REFERENCE, IDEAL) == pytest.approx(0.25)


@given(points_2d)
def test_front_is_what_no_other_point_dominates(losses: NDArray[np.float64]) -> None:
    front = nondominated(losses)
    for point in losses:  # every point is weakly dominated by one of the front
        assert (losses[front] <= point).all(axis=1).any()
    for a in np.flatnonzero(front):  # and the front dominates nothing of itself, nor repeats a point
        assert (losses[front] <= losses[a]).all(axis=1).sum() == 1


def test_front_leaves_out_failed_runs() -> None:
    assert nondominated(np.array([[np.nan, np.nan], [1.0, 1.0], [2.0, 2.0]])).tolist() == [False, True, False]
    assert nondominated(np.full((2, 2), np.nan)).tolist() == [False, False]


@given(points_2d)
def test_the_front_has_the_hypervolume_of_all(losses: NDArray[np.float64]) -> None:
    reference = np.array([10.0, 10.0])
    assert hypervolume(losses[nondominated(losses)], reference) == pytest.approx(hypervolume(losses, reference))


@settings(max_examples=60)
@pytest.mark.parametrize("objectives", [2, 3])
@given(data=st.data())
def test_anytime_curve_equals_the_hypervolume_of_every_prefix(objectives: int, data: st.DataObject) -> None:
    shape = st.tuples(st.integers(0, 20), st.just(objectives))
    losses = data.draw(hnp.arrays(np.float64, shape, elements=st.integers(0, 12).map(float)))
    reference = np.full(objectives, 10.0)
    curve = anytime_hypervolume(history(losses), reference, max_epochs=25)
    expected = [hypervolume(losses[: k + 1], reference) for k in range(len(losses))]
    np.testing.assert_allclose(curve.values, expected, atol=1e-9)


def test_anytime_curve_of_3000_trials_is_fast_and_ends_at_the_hypervolume() -> None:
    losses = np.random.default_rng(0).random((3000, 2)) * [100, 6] + [0, 2]
    trials = history(losses)
    start = time.perf_counter()
    curve = anytime_hypervolume(trials, REFERENCE, max_epochs=25)
    assert time.perf_counter() - start < 0.1  # measured 0.002; the limit only catches a quadratic loop
    assert curve.values[-1] == pytest.approx(hypervolume(losses, REFERENCE))


def test_counted_trials_are_full_fidelity_ones_in_order_of_completion() -> None:
    trials = history(
        np.arange(12.0).reshape(6, 2),
        epochs=np.array([25, 5, 25, 25, 25, 25]),
        status=np.array(["ok", "ok", "failed", "censored", "diverged", "ok"]),
        finished=np.array([9.0, 1, 2, 3, 4, 5]),
    )
    assert counted(trials, max_epochs=25).tolist() == [4, 5, 0]
    assert counted(trials, max_epochs=25, policy="all").tolist() == [1, 4, 5, 0]


def test_unknown_policy_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="unknown incumbent policy 'best': expected 'full'"):
        counted(history(np.zeros((1, 2))), max_epochs=25, policy="best")  # type: ignore[arg-type]


def test_anytime_is_zero_before_the_first_trial_and_steps_at_completion() -> None:
    curve = Anytime(spent=np.array([2.0, 5.0]), values=np.array([10.0, 12.0]))
    assert curve.at(np.array([0.0, 1.9, 2.0, 4.9, 5.0, 99.0])).tolist() == [0, 0, 10, 10, 12, 12]


def test_igd_plus_is_zero_on_the_front_and_the_scaled_shortfall_beside_it() -> None:
    front = np.array([[10.0, 5.0]])
    assert igd_plus(front, front, REFERENCE, IDEAL) == 0.0
    assert igd_plus(front - 1, front, REFERENCE, IDEAL) == 0.0
    beside = np.array([[20.0, 4.0]])  # worse by 10 % of the box, and better: only the worse loss counts
    assert igd_plus(beside, front, REFERENCE, IDEAL) == pytest.approx(0.1)
    assert igd_plus(np.full((1, 2), np.nan), front, REFERENCE, IDEAL) == np.inf


@given(points_2d, points_2d)
def test_additive_epsilon_is_the_largest_shortfall_by_brute_force(
    losses: NDArray[np.float64], front: NDArray[np.float64]
) -> None:
    reference, ideal = np.array([10.0, 20.0]), np.zeros(2)
    if not len(front):
        return
    value = additive_epsilon(losses, front, reference, ideal)
    shortfalls = [min((max((a - r) / reference) for a in losses), default=np.inf) for r in front]
    assert value == pytest.approx(max(shortfalls))


def test_additive_epsilon_of_two_fronts_by_hand() -> None:
    # scaled by the box (100, 6): (10, 5) is missed by 0.1 in the first loss, (50, 2) by 0.5 in the second
    front = np.array([[10.0, 5.0], [50.0, 2.0]])
    assert additive_epsilon(np.array([[20.0, 5.0]]), front, REFERENCE, IDEAL) == pytest.approx(0.5)
    assert additive_epsilon(front, front, REFERENCE, IDEAL) == 0.0
    assert additive_epsilon(np.full((1, 2), np.nan), front, REFERENCE, IDEAL) == np.inf


def test_median_attainment_of_three_fronts_is_what_two_of_them_attain() -> None:
    fronts = [np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]]), np.array([[3.0, 3.0]])]
    assert median_attainment(fronts).tolist() == [[2.0, 2.0]]


def test_median_attainment_counts_empty_fronts() -> None:
    empty = np.empty((0, 2))
    assert median_attainment([np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]]), empty, empty]).tolist() == [[2.0, 2.0]]
    assert len(median_attainment([np.array([[1.0, 1.0]]), empty, empty])) == 0
    assert len(median_attainment([empty])) == 0
