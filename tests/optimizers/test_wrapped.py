"""Other people's libraries behind the protocol: faithful translation, silence, and what happens without them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.optimizers import METHODS, OPTIMIZERS, get_optimizer
from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.synthetic import SyntheticBenchmark, networks, single, tradeoff
from bagbench.optimizers.wrapped_botorch import BotorchQLogNehvi
from bagbench.optimizers.wrapped_optuna import optuna_gp, optuna_nsga2, optuna_tpe
from bagbench.optimizers.wrapped_pymoo import PymooAgeMoea2, PymooSmsEmoa
from bagbench.optimizers.wrapped_smac import SmacParEgo
from bagbench.problems.errors import InvalidArgument, MissingExtra


def answer(query: Query, losses: tuple[float, float]) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    return Result(query=query, losses=np.array(losses), seconds=1.0, status=status)


WRAPPED = [name for name, method in METHODS.items() if method.packages]


@pytest.mark.parametrize("name", WRAPPED)
def test_without_its_library_a_wrapper_is_no_optimizer_but_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = METHODS[name]
    for missing in method.packages:
        message = rf"'{name}' needs {missing}, .*bagbench\[{method.extra}\]"

        def find_others(package: str, missing: str = missing) -> object:
            return None if package == missing else object()

        monkeypatch.setattr("bagbench.optimizers.OPTIMIZERS", {})
        monkeypatch.setattr("bagbench.optimizers.find_spec", find_others)
        with pytest.raises(MissingExtra, match=message):
            get_optimizer(name)
        monkeypatch.setattr(f"bagbench.optimizers.wrapped_{name.split('-')[0]}.find_spec", find_others)
        with pytest.raises(MissingExtra, match=message):
            method.optimizer(networks().problem, seed=0)


optuna = pytest.mark.skipif("optuna-tpe" not in OPTIMIZERS, reason="needs the extra optuna")
pymoo = pytest.mark.skipif("pymoo-sms-emoa" not in OPTIMIZERS, reason="needs the extra pymoo")
botorch = pytest.mark.skipif("botorch-qlognehvi" not in OPTIMIZERS, reason="needs the extra botorch")
imports_gpytorch = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
smac = pytest.mark.skipif("smac-parego" not in OPTIMIZERS, reason="needs the extra smac")


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


@pytest.mark.skipif("optuna-gp" not in OPTIMIZERS, reason="needs the extras optuna and train")
def test_the_gaussian_process_of_optuna_learns() -> None:
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


@botorch
@imports_gpytorch
def test_botorch_learns_and_leaves_the_settings_of_torch_alone() -> None:
    import torch
    from botorch.acquisition.multi_objective import logei

    benchmark = tradeoff(2)
    settings = torch.get_num_threads(), torch.get_default_dtype(), logei._load_attempted
    search = BotorchQLogNehvi(benchmark.problem, seed=0, startup=6, samples=16)
    results = told(drive(search, benchmark, trials=9))
    assert (torch.get_num_threads(), torch.get_default_dtype(), logei._load_attempted) == settings
    second = [result.query.config[1] for result in results]
    assert np.median(second[6:]) < np.median(second[:6])  # the front is where it is 0


@botorch
@imports_gpytorch
def test_botorch_is_told_the_values_of_known_objectives_and_models_only_the_others() -> None:
    import torch

    benchmark = networks()
    search = BotorchQLogNehvi(benchmark.problem, seed=0, startup=9, fit_iterations=5)
    losses = np.array([result.losses for result in told(drive(search, benchmark, trials=8))])
    vectors = benchmark.problem.space.sample(np.random.default_rng(1), 20)
    inputs, wanted = search._inputs(vectors), -benchmark.problem.known_losses(vectors)[:, 1]
    model = search._model(search._inputs(search._trials.vectors))
    posterior: Any = model.posterior(inputs)
    assert losses[:, 1].tolist() == benchmark.problem.known_losses(search._trials.vectors)[:, 1].tolist()
    assert posterior.mean[:, 1].tolist() == wanted.tolist()
    assert posterior.variance[:, 1].max() == 0 < posterior.variance[:, 0].min()
    shifted: Any = model.posterior(torch.cat([inputs[:, :2] + 1, inputs[:, 2:]], dim=1))
    assert torch.equal(shifted.mean[:, 0], posterior.mean[:, 0])


@botorch
def test_a_batch_of_botorch_is_suggested_at_once_and_without_repeats() -> None:
    benchmark = networks()
    search = BotorchQLogNehvi(benchmark.problem, seed=0, startup=5, batch=4, samples=8, fit_iterations=5)
    drive(search, benchmark, trials=5)
    queries = [search.ask()]
    assert len(search._waiting) == 3
    queries += [search.ask() for _ in range(3)]
    assert not search._waiting
    digests = benchmark.problem.space.digests(np.array([query.config for query in queries]))
    assert len(set(digests)) == 4


@botorch
@pytest.mark.parametrize("option", ["startup", "batch", "samples", "fit_iterations"])
def test_botorch_refuses_options_below_1(option: str) -> None:
    with pytest.raises(InvalidArgument, match=f"needs a {option} of 1 or more, got {option}=0"):
        BotorchQLogNehvi(tradeoff().problem, seed=0, **{option: 0})


@smac
def test_smac_writes_nothing_that_stays_and_logs_nothing_but_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(tmp_path))
    caplog.set_level(logging.DEBUG)
    drive(SmacParEgo(tradeoff().problem, seed=0), tradeoff(), trials=12)
    assert not list(tmp_path.iterdir())
    said = [record.levelno for record in caplog.records if record.name.startswith("smac")]
    assert all(level >= logging.WARNING for level in said)


@smac
def test_smac_is_told_of_active_parameters_alone_and_of_failures_as_crashes() -> None:
    benchmark = networks()
    space, reference = benchmark.problem.space, benchmark.problem.reference_point
    search = SmacParEgo(benchmark.problem, seed=0)
    outcomes = [(np.nan, np.nan), (1e6, 2.0), (50.0, 1.5)]
    queries = [query for query in (search.ask() for _ in outcomes) if query is not None]
    for query, losses in zip(queries, outcomes, strict=True):
        for _ in range(2):
            search.tell(answer(query, losses))
    trials = search._facade.runhistory
    for query, config in zip(queries, trials.get_configs(), strict=True):
        expected = space.decode(query.config)
        assert set(config) == set(expected)
        assert config["rate"] == pytest.approx(expected["rate"])
        assert config["optimizer"] == expected["optimizer"]
    assert [trials[key].cost for key in trials] == [reference.tolist(), [reference[0], 2.0], [50.0, 1.5]]
    assert [trials[key].status.name for key in trials] == ["CRASHED", "SUCCESS", "SUCCESS"]


@smac
def test_smac_waits_only_where_all_configurations_are_open_and_nothing_is_told() -> None:
    search = SmacParEgo(single().problem, seed=0)
    query = search.ask()
    assert search.ask() is None
    assert query is not None
    search.tell(answer(query, (0.5, 1.0)))
    for _ in range(3):
        query = search.ask()
        assert query is not None and query.config.tolist() == [0.0]


@pytest.mark.skipif("smac-parego" not in OPTIMIZERS, reason="needs SMAC")
def test_smac_asks_the_same_in_every_process_whatever_order_its_sets_of_texts_have() -> None:
    race = """
import bagbench
from bagbench.optimizers.synthetic import tradeoff

benchmark = tradeoff()
optimizer = bagbench.OPTIMIZERS["smac-parego"](benchmark.problem, seed=3)
print(bagbench.simulate(benchmark, optimizer, budget_evaluations=24).digest())
"""
    digests = set()
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        command = [sys.executable, "-W", "ignore", "-c", race]
        digests.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(digests) == 1
