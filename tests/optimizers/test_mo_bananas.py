"""MO-BANANAS with and without a ladder: its schedule by hand, and a test for each defect of the published code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers import OptimizerClass
from bagbench.optimizers import mo_bananas as module
from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, score, told
from bagbench.optimizers.ensemble import Ensemble, fit_ensemble
from bagbench.optimizers.mo_bananas import MoBananas, features, mo_bananas_sh, mutants_of, thompson_ranks
from bagbench.optimizers.nsga2 import crowded_order
from bagbench.optimizers.random_search import RandomSearch
from bagbench.optimizers.synthetic import SyntheticBenchmark, flat, networks, single, tradeoff
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.parameters import Value
from bagbench.problems.space import Space

Array = NDArray[np.float64]
Fits = list[tuple[Array, Array]]

BENCHMARK = networks()  # 27 epochs; of error and log_size the latter is known
PROBLEM = BENCHMARK.problem
DIGITS = get_problem("digits").space


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    """Collects what predictors are trained on."""
    found: Fits = []

    def watch(inputs: Array, targets: Array, rng: np.random.Generator) -> Ensemble:
        found.append((inputs, targets))
        return fit_ensemble(inputs, targets, rng)

    monkeypatch.setattr(module, "fit_ensemble", watch)
    return found


def ask(search: MoBananas) -> Query:
    query = search.ask()
    assert query is not None
    return query


def steps(results: list[Result]) -> list[tuple[int, int]]:
    return [(result.query.epochs, result.query.resume_from) for result in results]


def test_batches_climb_the_ladder_as_written_by_hand() -> None:
    results = told(drive(mo_bananas_sh(PROBLEM, seed=0), BENCHMARK, trials=10 + 2 * 13))
    assert steps(results) == [(27, 0)] * 10 + 2 * ([(9, 0)] * 10 + [(27, 9)] * 3)


def test_a_longer_ladder_keeps_one_of_eta_on_every_rung() -> None:
    search = mo_bananas_sh(PROBLEM, seed=0, initial=2, min_epochs=1)
    assert steps(told(drive(search, BENCHMARK, trials=2 + 10 + 3 + 1 + 1))) == [
        *[(27, 0)] * 2,
        *[(1, 0)] * 10,
        *[(3, 1)] * 3,
        (9, 3),
        (27, 9),
    ]


def test_without_a_ladder_everything_is_trained_in_full() -> None:
    assert steps(told(drive(MoBananas(PROBLEM, seed=0), BENCHMARK, trials=30))) == [(27, 0)] * 30
    short = replace(PROBLEM, min_epochs=27)
    assert steps(told(drive(mo_bananas_sh(short, seed=0), BENCHMARK, trials=30))) == [(27, 0)] * 30


def test_the_papers_lowest_rung_is_9_of_25_epochs() -> None:
    search = mo_bananas_sh(replace(PROBLEM, max_epochs=25), seed=0, initial=2)
    assert {epochs for epochs, _ in steps(told(drive(search, BENCHMARK, trials=20)))} == {9, 25}


def test_all_that_reach_the_top_teach_the_predictors(fits: Fits) -> None:
    """The published code throws two of three away; partial trainings teach nothing, as published."""
    drive(mo_bananas_sh(PROBLEM, seed=0), BENCHMARK, trials=10 + 2 * 13 + 1)
    assert [len(inputs) for inputs, _ in fits] == [10, 13, 16]


def test_predictors_begin_anew_and_know_what_is_known(fits: Fits, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions: list[Array] = []

    def watch(predicted: Array, rng: np.random.Generator) -> Array:
        predictions.append(predicted)
        return thompson_ranks(predicted, rng)

    monkeypatch.setattr(module, "thompson_ranks", watch)
    search = MoBananas(PROBLEM, seed=0)
    results = told(drive(search, BENCHMARK, trials=14))
    ((_, targets),) = fits
    assert targets[:, 0].tolist() == [min(result.losses[0], 100) for result in results[:10]]
    (predicted,) = predictions
    assert predicted.shape == (5, 8, 2)
    assert (predicted[:, :, 1] == predicted[0, :, 1]).all()
    assert {result.losses[1] for result in results[10:]} <= set(predicted[0, :, 1])


def test_no_column_shifts_with_inactivity() -> None:
    """Two more layers change the entries of depth and widths, and two flags; all else stays in place."""
    shallow: dict[str, Value] = {
        "n_conv_l": 1,
        "n_conv_0": 8,
        "n_fc_l": 1,
        "n_fc_0": 9,
        "kernel_size": 3,
        "lr_init": 0.01,
    }
    shallow |= {"batch_norm": True, "batch_size": 16, "global_avg_pooling": False}
    deep = {**shallow, "n_conv_l": 3, "n_conv_1": 4, "n_conv_2": 128}
    first, second = features(DIGITS, np.array([DIGITS.encode(shallow), DIGITS.encode(deep)]))
    assert len(first) == 15 + 4
    assert np.flatnonzero(first != second).tolist() == [8, 11, 12, 15, 16]
    assert first[15:].tolist() == [0, 0, 0, 0]
    assert second[15:].tolist() == [1, 1, 0, 0]


def test_mutants_are_legal_and_differ_in_at_most_three_active_parameters() -> None:
    rng = np.random.default_rng(0)
    for space in (DIGITS, PROBLEM.space):
        parents = space.sample(rng, 300)
        children = mutants_of(space, parents, rng)
        space.check(children)
        changed = ((children != parents) & ~np.isnan(parents) & ~np.isnan(children)).sum(axis=1)
        assert set(changed.tolist()) <= {0, 1, 2, 3}  # a switched-off parameter is no longer compared
        assert changed.mean() > 2


def test_depths_mutate() -> None:
    """The published code never changes them."""
    rng = np.random.default_rng(0)
    parents = np.tile(DIGITS.sample(rng, 1), (300, 1))
    children = mutants_of(DIGITS, parents, rng)
    for name in ("n_conv_l", "n_fc_l"):
        assert len(np.unique(children[:, DIGITS.index[name]])) == 3


def test_mutation_acts_on_the_declared_scale() -> None:
    """The published code steps linearly: learning rates end near the largest, widths are truncated downwards."""
    rng = np.random.default_rng(0)
    default: dict[str, Value] = {
        "n_conv_l": 3,
        "n_conv_0": 23,
        "n_conv_1": 23,
        "n_conv_2": 23,
        "n_fc_l": 1,
        "n_fc_0": 32,
    }
    default |= {"kernel_size": 3, "lr_init": 10**-2.5, "batch_norm": True, "batch_size": 32}
    parent = DIGITS.encode({**default, "global_avg_pooling": False})
    children = mutants_of(DIGITS, np.tile(parent, (4000, 1)), rng)
    for name in ("lr_init", "n_conv_0", "batch_size"):
        steps = children[:, DIGITS.index[name]] - parent[DIGITS.index[name]]
        steps = steps[steps != 0]
        assert abs(steps.mean()) < 0.03
        assert 0.12 < steps.std() < 0.22


def test_ranks_are_drawn_around_those_of_the_mean_by_hand() -> None:
    # one objective: members' losses of three candidates, and the ranks that follow from them
    predictions = np.array([[0.0, 1.0, 9.0], [0.0, 1.0, 9.0], [0.0, 9.0, 1.0], [0.0, 9.0, 8.0], [0.0, 1.0, 9.0]])
    # mean (0, 4.2, 7.2): ranks 0 1 2; members 012 012 021 021 012; variances (0, 2/4, 2/4)
    draws = np.array([thompson_ranks(predictions[:, :, None], np.random.default_rng(seed)) for seed in range(1500)])
    assert draws.mean(axis=0) == pytest.approx([0, 1, 2], abs=0.06)
    assert draws.std(axis=0) == pytest.approx([0, 0.5**0.5, 0.5**0.5], abs=0.05)


def test_ranks_of_equal_predictions_are_numbers() -> None:
    """Crowding distances of the published code are NaN where a front has no spread, and so are its ranks."""
    ranks = thompson_ranks(np.full((5, 7, 2), 3.0), np.random.default_rng(0))
    assert sorted(ranks) == list(range(7))


def test_a_batch_has_no_duplicates_and_nothing_is_trained_twice() -> None:
    for benchmark in (BENCHMARK, flat()):
        queries = [
            result.query for result in told(drive(mo_bananas_sh(benchmark.problem, seed=0), benchmark, trials=80))
        ]
        trained = [(query.config.tobytes(), query.epochs) for query in queries]
        assert len(set(trained)) == len(trained)


def test_parents_are_the_best_and_go_round_while_they_are_fewer_than_mutants(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Array] = []

    def watch(space: Space, parents: Array, rng: np.random.Generator) -> Array:
        seen.append(parents)
        return mutants_of(space, parents, rng)

    monkeypatch.setattr(module, "mutants_of", watch)
    results = told(drive(MoBananas(PROBLEM, seed=0, initial=6), BENCHMARK, trials=7))[:6]
    order = crowded_order(np.array([result.losses for result in results]))
    expected = [results[i].query.config for i in (*order, *order[:2])]
    assert np.array_equal(seen[0], expected, equal_nan=True)


def test_what_is_selected_is_better_than_chance() -> None:
    """The mean error of what predictors select from many mutants, against that of all of them."""

    def errors(selected: int) -> float:
        search = MoBananas(PROBLEM, seed=0, initial=60, mutants=100, selected=selected)
        results = told(drive(search, BENCHMARK, trials=60 + selected))[60:]
        return float(np.mean([result.losses[0] + 25 * result.losses[1] for result in results]))

    assert errors(10) < errors(100) - 3


def test_while_a_batch_waits_the_next_one_is_selected_from_what_is_known(fits: Fits) -> None:
    search = mo_bananas_sh(PROBLEM, seed=0)
    drive(search, BENCHMARK, trials=10)
    first = [ask(search) for _ in range(10)]
    second = [ask(search) for _ in range(10)]
    assert len(fits) == 2
    assert {query.epochs for query in first + second} == {9}
    for query in first:
        search.tell(score(BENCHMARK, query, 0))
    promoted = [ask(search) for _ in range(3)]
    assert {(query.epochs, query.resume_from) for query in promoted} == {(27, 9)}
    assert {query.config.tobytes() for query in promoted} <= {query.config.tobytes() for query in first}


def test_failed_trials_teach_nothing_and_are_not_promoted(fits: Fits) -> None:
    failed: set[bytes] = set()

    def answer(benchmark: SyntheticBenchmark, query: Query, count: int) -> Result:
        result = score(benchmark, query, count)
        if count % 2 or query.resume_from:
            return result
        failed.add(query.config.tobytes())
        return replace(result, losses=np.full(2, np.nan), status="failed")

    results = told(drive(mo_bananas_sh(PROBLEM, seed=0), BENCHMARK, trials=24, answer=answer))
    assert [len(inputs) for inputs, _ in fits] == [5, 8]
    assert not failed & {result.query.config.tobytes() for result in results if result.query.resume_from}


def test_the_initial_design_is_one_low_discrepancy_sequence() -> None:
    search, sobol = MoBananas(tradeoff().problem, seed=5), RandomSearch(tradeoff().problem, seed=5)
    assert all(np.array_equal(ask(search).config, sobol.ask().config) for _ in range(12))


def test_a_space_of_one_configuration_is_trained_again_and_again() -> None:
    assert len(told(drive(mo_bananas_sh(single().problem, seed=0, initial=2), single(), trials=30))) == 30


@pytest.mark.parametrize(
    ("options", "got"),
    [({"initial": 0}, "initial=0"), ({"selected": 0}, "selected=0"), ({"selected": 9}, "selected=9, mutants=8")],
)
def test_options_out_of_range_are_refused(options: dict[str, int], got: str) -> None:
    with pytest.raises(InvalidArgument, match=f"1 configuration or more.*{got}"):
        MoBananas(PROBLEM, seed=0, **options)


@pytest.mark.parametrize("build", [MoBananas, mo_bananas_sh])
def test_a_lowest_rung_outside_the_fidelities_is_refused(build: OptimizerClass) -> None:
    with pytest.raises(InvalidArgument, match=r"whole number in \[1, 27\], got 0"):
        build(PROBLEM, seed=0, min_epochs=0)
