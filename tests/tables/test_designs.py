"""Designs: endless, the same everywhere, without repetition, and honest about what they left out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.problems import PROBLEMS, get_problem
from bagbench.problems.errors import InvalidArgument, UnknownName
from bagbench.problems.problem import Vectors
from bagbench.problems.space import Space
from bagbench.tables.designs import TARGET_SECONDS, CostModel, Plan, PlannedRun, planned_runs, predicted_seconds

COST = CostModel(per_step=1e-3, per_mac=7e-11)
PLANS = {
    "random": Plan(problem="digits"),
    "sobol": Plan(problem="digits", design="sobol"),
    "cost-aware": Plan(problem="digits", design="cost-aware", cost=COST, target_seconds=0.5),
}
every_design = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def runs(plan: Plan, count: int) -> list[PlannedRun]:
    return planned_runs(plan, get_problem("digits"), 1000, count)


def names(planned: list[PlannedRun]) -> list[tuple[int, str, int, float]]:
    return [(run.index, run.digest, run.seed, run.inclusion_probability) for run in planned]


@every_design
def test_longer_plan_begins_with_the_shorter_one(plan: Plan) -> None:
    long = names(runs(plan, 900))
    for count in (1, 7, 256, 300, 899):
        assert names(runs(plan, count)) == long[:count]


@every_design
def test_plan_is_the_same_in_another_process(plan: Plan) -> None:
    code = (
        "import sys, json; from bagbench.problems import get_problem; from bagbench.tables.designs import *\n"
        "plan = Plan.from_json(sys.argv[1]); runs = planned_runs(plan, get_problem('digits'), 1000, 300)\n"
        "print(json.dumps([[r.index, r.digest, r.seed, r.inclusion_probability] for r in runs]))"
    )
    done = subprocess.run([sys.executable, "-c", code, plan.to_json()], capture_output=True, text=True, check=True)
    assert [tuple(run) for run in json.loads(done.stdout)] == names(runs(plan, 300))


def test_plan_that_tables_were_made_with_stays_the_same() -> None:
    assert [run.digest for run in runs(PLANS["random"], 3)] == [
        "47f9781c8cac9979",
        "291a5542c07c1870",
        "0f63be5b0dc08763",
    ]
    assert [run.digest for run in runs(PLANS["sobol"], 3)] == [
        "4b59de5a53f4a5f3",
        "9e98f55fbf5f7d6b",
        "2399144639f838c7",
    ]
    assert [run.digest for run in runs(PLANS["cost-aware"], 3)] == [
        "291a5542c07c1870",
        "0f63be5b0dc08763",
        "4fced70ab39c4f5f",
    ]


@every_design
def test_no_run_is_planned_twice_and_all_are_legal(plan: Plan) -> None:
    planned = runs(plan, 800)
    assert len({(run.digest, run.seed) for run in planned}) == 800
    assert [run.index for run in planned] == list(range(800))
    space = get_problem("digits").space
    vectors = np.array([run.vector for run in planned])
    space.check(vectors)
    assert space.digests(vectors) == [run.digest for run in planned]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5])
def test_replicates_have_their_share_at_any_length(share: float) -> None:
    planned = runs(replace(PLANS["random"], replicates=share), 400)
    repeated = np.cumsum([run.seed == 1 for run in planned])
    assert (np.abs(repeated - share * np.arange(1, 401)) <= 1.0).all()
    originals: set[str] = set()
    for run in planned:
        assert (run.digest in originals) == (run.seed == 1)
        originals.add(run.digest)


@pytest.mark.parametrize(("share", "each"), [(0.5, 2), (0.75, 4), (0.9, 10), (0.99, 100)])
def test_with_more_replicates_all_configurations_are_run_as_often(share: float, each: int) -> None:
    planned = runs(replace(PLANS["random"], replicates=share), 400)
    fresh = runs(replace(PLANS["random"], replicates=0.0), 400 // each)
    assert [(run.digest, run.seed) for run in planned] == [(run.digest, seed) for run in fresh for seed in range(each)]
    assert [run.index for run in planned] == list(range(400))


def test_replicates_between_halves_are_never_planned_twice() -> None:
    planned = runs(replace(PLANS["random"], replicates=0.6), 400)
    assert len({(run.digest, run.seed) for run in planned}) == 400
    assert sum(run.seed > 0 for run in planned) == 240
    assert max(run.seed for run in planned) == 2


def test_other_seed_is_another_plan() -> None:
    assert not {run.digest for run in runs(PLANS["random"], 50)} & {
        run.digest for run in runs(replace(PLANS["random"], seed=1), 50)
    }


def test_weighted_mean_of_a_cost_aware_design_is_that_of_the_space() -> None:
    """Each run stands for 1 / probability configurations, so weighting undoes what the design left out."""
    problem = get_problem("digits")
    planned = runs(replace(PLANS["cost-aware"], replicates=0.0), 4000)
    vectors = np.array([run.vector for run in planned])
    weights = 1.0 / np.array([run.inclusion_probability for run in planned])
    everything = problem.space.sample(np.random.default_rng(99), 40_000)
    for function in problem.known.values():
        there, here = function(problem.space.natural(everything)), function(problem.space.natural(vectors))
        mean = float(np.average(here, weights=weights))
        error = float(np.sqrt(np.average((here - mean) ** 2 * weights, weights=weights) / weights.sum()))
        assert abs(mean - there.mean()) < 4 * error
        assert abs(here.mean() - there.mean()) > 8 * error  # without weights it is far off


def error_and_cost(vectors: Vectors) -> NDArray[np.float64]:
    """Make up what runs (n, d) would score, in percent, and cost, in seconds, (n, 2): big networks do better."""
    problem = get_problem("digits")
    macs = problem.known["log10_macs"](problem.space.natural(vectors))
    seconds = predicted_seconds(problem, vectors, COST, 1000)
    rate = vectors[:, problem.space.index["lr_init"]]
    return np.stack([90.0 / (1.0 + np.exp(2.0 * (macs - 4.0) * rate)), seconds * (1.0 + 0.3 * rate)], axis=1)


def test_weighted_mean_error_and_cost_over_many_designs_are_those_of_the_space() -> None:
    truth = error_and_cost(get_problem("digits").space.sample(np.random.default_rng(7), 100_000))
    weighted, plain = [], []
    for seed in range(30):
        planned = runs(replace(PLANS["cost-aware"], seed=seed), 300)
        outcomes = error_and_cost(np.array([run.vector for run in planned]))
        weights = 1.0 / np.array([run.inclusion_probability for run in planned])
        weighted.append(np.average(outcomes, axis=0, weights=weights))
        plain.append(outcomes.mean(axis=0))
    for estimates, unbiased in ((weighted, True), (plain, False)):
        error = np.hypot(np.std(estimates, axis=0, ddof=1) / np.sqrt(30), truth.std(axis=0) / np.sqrt(len(truth)))
        distance = np.abs(np.mean(estimates, axis=0) - truth.mean(axis=0)) / error
        assert (distance < 3).all() if unbiased else (distance > 10).all()


def test_cost_aware_design_leaves_out_with_the_probability_it_states() -> None:
    problem = get_problem("digits")
    planned = runs(PLANS["cost-aware"], 500)
    seconds = predicted_seconds(problem, np.array([run.vector for run in planned]), COST, 1000)
    stated = [run.inclusion_probability for run in planned]
    np.testing.assert_array_equal(stated, np.minimum(1.0, 0.5 / seconds))
    assert min(stated) < 0.3


def test_every_shipped_problem_has_a_target_of_its_own() -> None:
    assert set(TARGET_SECONDS) == set(PROBLEMS)
    assert TARGET_SECONDS["flowers"] == 20.0


def test_predicted_seconds_count_steps_and_operations() -> None:
    problem = get_problem("digits")
    vector = problem.space.sample(np.random.default_rng(0), 1)
    natural = {name: float(values[0]) for name, values in problem.space.natural(vector).items()}
    macs = 10.0 ** float(problem.known["log10_macs"](problem.space.natural(vector))[0])
    expected = 25 * (1e-3 * np.ceil(1000 / natural["batch_size"]) + 7e-11 * macs * 1000)
    np.testing.assert_allclose(predicted_seconds(problem, vector, COST, 1000), [expected], rtol=1e-12)


@every_design
def test_plan_comes_back_from_json(plan: Plan) -> None:
    assert Plan.from_json(plan.to_json()) == plan


def test_space_that_is_used_up_is_reported() -> None:
    shipped = get_problem("digits")
    space = Space.from_document({"hyperparameters": [{"type": "categorical", "name": "a", "choices": [1, 2, 3]}]})
    small = replace(shipped, space=space, known={})
    assert len(planned_runs(PLANS["random"], small, 10, 3)) == 3
    with pytest.raises(
        InvalidArgument, match="^the space of 'digits' holds about 3 configurations: ask for fewer runs$"
    ):
        planned_runs(PLANS["random"], small, 10, 4)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"design": "sobl"}, UnknownName, r"^unknown design 'sobl': expected one of .*; did you mean 'sobol'\?$"),
        ({"replicates": 1.0}, InvalidArgument, r"^replicates is a share of the runs in \[0, 0.99\], got 1.0$"),
        ({"replicates": float("nan")}, InvalidArgument, r"^replicates is a share of the runs in \[0, 0.99\], got nan$"),
        ({"design": "cost-aware"}, InvalidArgument, "^design 'cost-aware' needs target seconds above 0, got 0.0$"),
        (
            {"design": "cost-aware", "cost": COST, "target_seconds": -1.0},
            InvalidArgument,
            "^design 'cost-aware' needs target seconds above 0, got -1.0$",
        ),
    ],
)
def test_impossible_plan_is_refused(change: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Plan(**{"problem": "digits", **change})  # type: ignore[arg-type]
