"""Other people's libraries behind the protocol: faithful translation, silence, and what happens without them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bagbench.optimizers import METHODS, OPTIMIZERS, get_optimizer
from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.synthetic import SyntheticBenchmark, networks, single, tradeoff
from bagbench.optimizers.wrapped_optuna import optuna_gp, optuna_nsga2, optuna_tpe
from bagbench.optimizers.wrapped_pymoo import PymooAgeMoea2, PymooSmsEmoa
from bagbench.problems.errors import MissingExtra


def answer(query: Query, losses: tuple[float, float]) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    return Result(query=query, losses=np.array(losses), seconds=1.0, status=status)


@pytest.mark.parametrize("name", ["optuna-nsga2", "optuna-tpe", "pymoo-sms-emoa", "pymoo-age-moea2"])
def test_without_its_library_a_wrapper_is_no_optimizer_but_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = METHODS[name].extra
    monkeypatch.setattr("bagbench.optimizers.OPTIMIZERS", {})
    with pytest.raises(MissingExtra, match=rf"'{name}' needs {extra}.*bagbench\[{extra}\]"):
        get_optimizer(name)
    monkeypatch.setitem(sys.modules, extra, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    monkeypatch.setattr(f"bagbench.optimizers.wrapped_{extra}.find_spec", lambda package: None)
    with pytest.raises(MissingExtra, match=rf"'{name}' needs {extra}.*bagbench\[{extra}\]"):
        METHODS[name].optimizer(networks().problem, seed=0)


optuna = pytest.mark.skipif("optuna-tpe" not in OPTIMIZERS, reason="needs the extra optuna")
pymoo = pytest.mark.skipif("pymoo-sms-emoa" not in OPTIMIZERS, reason="needs the extra pymoo")


@optuna
@pytest.mark.parametrize("build", [optuna_nsga2, optuna_tpe])
def test_optuna_is_told_of_active_parameters_alone(build: type) -> None:
    benchmark = networks()
    search = build(benchmark.problem, seed=0)
    results = told(drive(search, benchmark, trials=40))
    space = benchmark.problem.space
    for trial, result in zip(search._study.trials, results, strict=True):
        config = space.decode(result.query.config)
        config.pop("version")
        assert set(trial.params) == set(config)
        for name in ("rate", "depth", "width_0"):
            assert trial.params[name] == pytest.approx(config[name])
        assert config["optimizer"] == ["adam", "sgd", "rmsprop"][trial.params["optimizer"]]
        assert config["quality"] == [0, 1, 2, 5][trial.params["quality"]]
        assert trial.values == result.losses.tolist()


@optuna
def test_failed_trials_are_failures_to_optuna() -> None:
    search = optuna_tpe(tradeoff().problem, seed=0)
    for losses in [(np.nan, np.nan), (1.0, 2.0)]:
        result = answer(search.ask(), losses)
        search.tell(result)
        search.tell(result)
    assert [trial.state.name for trial in search._study.trials] == ["FAIL", "COMPLETE"]


@optuna
def test_optuna_is_silent_and_keeps_the_verbosity_of_the_user(capfd: pytest.CaptureFixture[str]) -> None:
    from optuna.logging import DEBUG, get_verbosity, set_verbosity

    before = get_verbosity()
    try:
        set_verbosity(DEBUG)
        drive(optuna_nsga2(tradeoff().problem, seed=0), tradeoff(), trials=15)
        assert get_verbosity() == DEBUG
    finally:
        set_verbosity(before)
    assert capfd.readouterr().err == ""


@optuna
def test_the_gaussian_process_of_optuna_learns(recwarn: pytest.WarningsRecorder) -> None:
    pytest.importorskip("torch")
    benchmark: SyntheticBenchmark = tradeoff(2)
    results = told(drive(optuna_gp(benchmark.problem, seed=0, startup=6), benchmark, trials=9))
    second = [result.query.config[1] for result in results]
    assert np.median(second[6:]) < np.median(second[:6])  # the front is where it is 0


@optuna
def test_a_space_of_one_configuration_has_nothing_to_suggest() -> None:
    assert optuna_tpe(single().problem, seed=0).ask().config.tolist() == [0.0]


@pymoo
def test_pymoo_waits_for_its_first_population_and_for_nothing_after() -> None:
    search = PymooSmsEmoa(tradeoff().problem, seed=0, population=4)
    first = [search.ask() for _ in range(4)]
    assert search.ask() is None
    for i, query in enumerate(first):
        assert query is not None
        search.tell(answer(query, (i / 10, 1 - i / 10)))
    assert all(search.ask() is not None for _ in range(20))


@pymoo
def test_pymoo_keeps_the_best_of_what_it_was_told() -> None:
    search = PymooSmsEmoa(tradeoff().problem, seed=0, population=4)
    results = told(drive(search, tradeoff(), trials=60, workers=3))
    losses = np.array([result.losses for result in results])
    kept = search._algorithm.pop.get("F")
    best = losses[np.argmin(losses.sum(axis=1) + 1e3 * (losses > tradeoff().problem.reference_point).any(axis=1))]
    assert len(kept) == 4
    assert all((losses == row).all(axis=1).any() for row in kept)
    assert not (best < kept).all(axis=1).any()


@pymoo
def test_what_fails_is_worth_the_reference_point_to_pymoo() -> None:
    search = PymooSmsEmoa(tradeoff().problem, seed=0, population=3)
    queries = [search.ask() for _ in range(3)]
    for query, losses in zip(queries, [(np.nan, np.nan), (1e6, 0.5), (0.1, 0.2)], strict=True):
        assert query is not None
        search.tell(answer(query, losses))
    assert sorted(map(tuple, search._algorithm.pop.get("F"))) == [(0.1, 0.2), (1.1, 0.5), (1.1, 11.0)]


@pymoo
def test_a_generation_of_age_moea2_competes_when_its_last_result_is_told() -> None:
    search = PymooAgeMoea2(networks().problem, seed=0, population=5)
    generations = []
    for trials in (4, 1, 4, 1):
        drive(search, networks(), trials=trials)
        generations.append(search._algorithm.n_iter)
    assert generations == [1, 2, 2, 3]
