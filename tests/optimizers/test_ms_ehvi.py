"""MS-EHVI: what it knows, what it believes, and a test for each defect of the published code."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from bagbench.optimizers import ms_ehvi
from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import Event, drive, told
from bagbench.optimizers.gaussian_process import GrowingModel
from bagbench.optimizers.ms_ehvi import MsEhvi
from bagbench.optimizers.random_search import RandomSearch
from bagbench.optimizers.synthetic import SyntheticBenchmark, networks, tiny, tradeoff
from bagbench.optimizers.trials import Trials
from bagbench.problems.errors import InvalidArgument

BENCHMARK = tradeoff()  # six floats; the first is the known first objective
PROBLEM = BENCHMARK.problem


def answer(query: Query, *losses: float) -> Result:
    return Result(query=query, losses=np.array(losses), seconds=1.0)


def queries(events: list[Event]) -> list[Query]:
    return [event for event in events if isinstance(event, Query)]


def test_every_trial_is_trained_in_full_and_none_comes_twice() -> None:
    asked = queries(drive(MsEhvi(networks().problem, seed=0), networks(), trials=60, workers=4))
    assert {(query.epochs, query.resume_from) for query in asked} == {(27, 0)}
    assert len({query.config.tobytes() for query in asked}) == len(asked)


def test_the_initial_design_is_one_low_discrepancy_sequence() -> None:
    """The published code scrambles anew for every point, which makes them independent."""
    search, sobol = MsEhvi(PROBLEM, seed=5, initial=16), RandomSearch(PROBLEM, seed=5)
    design = [search.ask().config for _ in range(16)]
    assert np.array_equal(design, [sobol.ask().config for _ in range(16)])
    for column in np.array(design).T:
        assert sorted(np.floor(16 * column)) == list(range(16))


def test_a_known_objective_has_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[float] = []
    given = GrowingModel.given

    def watch(self: GrowingModel, inputs: np.ndarray, targets: np.ndarray) -> object:
        fitted.append(targets[0])
        return given(self, inputs, targets)

    monkeypatch.setattr(GrowingModel, "given", watch)
    search = MsEhvi(PROBLEM, seed=0, initial=4)
    results = told(drive(search, BENCHMARK, trials=4))
    search.ask()
    assert fitted == [results[0].losses[1]]


def test_the_known_objective_is_the_problems_own_and_moves_the_search() -> None:
    """With an unknown objective that is flat, only the known one tells candidates apart.

    The published code follows gradients that treat it as constant, and counts parameters of another network.
    """
    search = MsEhvi(PROBLEM, seed=0, initial=8)
    design = []
    for _ in range(8):
        query = search.ask()
        design.append(query.config[0])
        search.tell(answer(query, query.config[0], 5.0))
    for _ in range(6):
        query = search.ask()
        assert query.config[0] < min(design)
        search.tell(answer(query, query.config[0], 5.0))


def test_what_an_inactive_parameter_would_be_is_no_noise_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configurations that differ in inactive parameters only are one configuration, to model and books alike."""
    seen: list[np.ndarray] = []
    given = GrowingModel.given

    def watch(self: GrowingModel, inputs: np.ndarray, targets: np.ndarray) -> object:
        seen.append(inputs)
        return given(self, inputs, targets)

    monkeypatch.setattr(GrowingModel, "given", watch)
    drive(MsEhvi(networks().problem, seed=0), networks(), trials=40)
    assert all(np.isfinite(inputs).all() for inputs in seen)
    width_2 = seen[-1][:, 4]
    assert (width_2 == 0.5).mean() > 0.2


def test_it_falls_back_to_a_random_new_candidate_where_the_numerics_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise np.linalg.LinAlgError("not positive definite")

    search = MsEhvi(PROBLEM, seed=0, initial=5)
    drive(search, BENCHMARK, trials=10)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(ms_ehvi, "expected_hypervolume_improvement", fail)
        asked = queries(drive(search, BENCHMARK, trials=5))
    assert len({query.config.tobytes() for query in asked}) == 5
    assert "ms-ehvi proposes a random candidate: not positive definite" in caplog.text
    drive(search, BENCHMARK, trials=3)


def test_open_queries_count_as_if_they_had_scored_what_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that belief several workers are all sent to where the first one is."""

    def gap_between_five_workers() -> float:
        search = MsEhvi(PROBLEM, seed=0)
        drive(search, BENCHMARK, trials=25)
        known = np.array([search.ask().config[0] for _ in range(5)])
        return float(np.abs(known[:, None] - known).mean())

    believing = gap_between_five_workers()
    monkeypatch.setattr(Trials, "open", np.empty((0, 6)))
    assert believing > 2 * gap_between_five_workers()


@pytest.mark.parametrize(
    "synthetic",
    [
        BENCHMARK,
        SyntheticBenchmark(replace(PROBLEM, known={}), BENCHMARK.formula),
        networks().with_objectives(["error", "log_size", "energy"]),
        networks().with_objectives(["error"]),
        networks().with_objectives(["log_size"]),
    ],
    ids=["one of two known", "none of two", "one of three", "none of one", "one of one"],
)
def test_it_beats_random_search_whatever_is_known(synthetic: SyntheticBenchmark) -> None:
    import moocore

    problem = synthetic.problem

    def reached(search: MsEhvi | RandomSearch) -> float:
        losses = np.array([result.losses for result in told(drive(search, synthetic, trials=40))])
        return float(moocore.hypervolume(np.minimum(losses, problem.reference_point), ref=problem.reference_point))

    assert reached(MsEhvi(problem, seed=1)) > max(reached(RandomSearch(problem, seed=seed)) for seed in range(3))


def test_until_two_trials_have_scored_it_draws_from_the_design() -> None:
    search, sobol = MsEhvi(PROBLEM, seed=3, initial=1), RandomSearch(PROBLEM, seed=3)
    for losses in ((np.nan, np.nan), (0.5, 5.0), (np.nan, np.nan), (0.4, 6.0)):
        query = search.ask()
        assert np.array_equal(query.config, sobol.ask().config)
        search.tell(answer(query, *losses))
    assert not np.array_equal(search.ask().config, sobol.ask().config)


def test_a_used_up_space_is_gone_through_again() -> None:
    asked = queries(drive(MsEhvi(tiny().problem, seed=0, initial=2), tiny(), trials=12))
    assert len({query.config.tobytes() for query in asked[:4]}) == 4
    assert len({query.config.tobytes() for query in asked}) == 4


def test_an_empty_initial_design_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"an initial design of 1 configuration or more, got initial=0"):
        MsEhvi(PROBLEM, seed=0, initial=0)
