"""``bagbench validate``, with the true trainer."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.analysis.claims import find_claims
from bagbench.analysis.indicators import hypervolume
from bagbench.analysis.races import load_experiment
from bagbench.analysis.validation_file import Claim, write_trainings
from bagbench.problems import get_problem
from bagbench.problems.benchmark import Outcome
from bagbench.problems.datasets import load_data_set
from bagbench.scripts.validate import _Limit
from bagbench.simulator.benchmarks import open_benchmark
from bagbench.simulator.history import History
from bagbench.surrogates import training
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.training import Recipe
from bagbench.tables.designs import CHOSEN, Plan
from bagbench.tables.runs import merge_runs
from bagbench.tables.table import Table
from bagbench.tables.worker import open_trainer

Command = Callable[..., Any]


@pytest.fixture
def races(bagbench: Command, surrogate: Path) -> Path:
    words = ("--optimizers", "random-search", "--seeds", 2, "--evaluations", 15, "--jobs", 1, "--out", "out")
    assert bagbench("compare", surrogate, *words).code == 0
    return Path("out")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "validation.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_front_is_retrained_once_and_compared(bagbench: Command, races: Path) -> None:
    """True losses are the trainer's, predictions the race's; a second call trains only what is missing."""
    assert bagbench("validate", races, "--runs", 1, "--jobs", 1, "--device", "cpu").code == 0
    (first,) = rows(races)
    problem = get_problem("digits")
    outcome = open_trainer("digits", "cpu").query(json.loads(first["config"]), seed=0)
    assert float(first["true_val_error"]) == outcome.losses[0]
    assert first["digest"] == problem.space.digest(json.loads(first["config"]))
    claimed: dict[str, list[float]] = {}
    for path in (races / "races").iterdir():
        history = History.load(path)
        claimed |= dict(zip(history.digests.tolist(), history.losses.tolist(), strict=True))
    assert [float(first["predicted_val_error"]), float(first["predicted_log10_params"])] == claimed[first["digest"]]

    started = Table.open(races / "validation.h5").runs.started.tolist()
    (races / "validation.csv").unlink()  # what matters is the table
    ran = bagbench("validate", races, "--runs", 3, "--jobs", 1, "--device", "cpu")
    assert ran.code == 0
    assert first in rows(races) and len(rows(races)) == 3
    runs = Table.open(races / "validation.h5").runs
    assert len(runs) == 3 and set(started) < set(runs.started.tolist())  # not trained again
    assert "The predicted ranking of the front" in ran.out
    assert f"{float(first['predicted_val_error']):.2f}  {outcome.losses[0]:.2f}" in ran.out
    assert str(races / "validation.h5") in ran.out

    verdict = json.loads(bagbench("validate", races, "--runs", 3, "--json").out)
    assert [line["name"] for line in verdict["agreements"]] == ["val_error", "seconds"]


def test_finished_validation_is_read_again_and_holds_methods_against_truth(bagbench: Command, races: Path) -> None:
    """Whatever was predicted, truth is two points worse: every order stays, and hypervolume is lost."""
    experiment = load_experiment(races)
    claims = find_claims(experiment, open_benchmark("digits", experiment.settings["source"], noise="mean", snap=True))
    true = {(claim.digest, 0): Outcome(claim.losses + np.array([2.0, 0.0]), claim.seconds) for claim in claims}
    write_trainings(races / "validation.csv", experiment.problem, claims, true)

    verdict = json.loads(bagbench("validate", races, "--json").out)
    (method,) = verdict["methods"]
    assert (method["optimizer"], method["trained"], method["claimed"]) == ("random-search", len(claims), len(claims))
    reference = experiment.problem.reference_point
    predicted = np.array([claim.losses for claim in claims])
    assert method["predicted_hypervolume"] == pytest.approx(hypervolume(predicted, reference))
    assert method["true_hypervolume"] == pytest.approx(hypervolume(predicted + np.array([2.0, 0.0]), reference))
    assert method["agreement"]["mean_error"] == pytest.approx(2.0)
    assert verdict["hardest_hit"] == "random-search" and verdict["methods_swapped"] == []
    assert verdict["methods_kendall_tau"] is None and verdict["caution"] == ""
    assert method["true_interval"] == [None, None] and verdict["differences"] == [] and verdict["table"] is None

    worse = {(digest, 1): Outcome(true[digest, 0].losses + np.array([1.0, 0.0]), 1.0) for digest, _ in true}
    write_trainings(races / "validation.csv", experiment.problem, claims, {**true, **worse})
    (method,) = json.loads(bagbench("validate", races, "--json").out)["methods"]
    low, high = method["true_interval"]
    best, worst = (hypervolume(predicted + np.array([lost, 0.0]), reference) for lost in (2.0, 3.0))
    truth = method["true_hypervolume"]
    assert worst < truth < best
    # A basic interval is what resamples, all between the worst and the best, reach beyond the truth, turned about it.
    assert 2 * truth - best <= low < high <= 2 * truth - worst
    write_trainings(races / "validation.csv", experiment.problem, claims, true)

    printed = bagbench("validate", races).out
    assert re.search(rf"random-search +{len(claims)} of {len(claims)} .* 1\.00 +\+2\.00 %", printed)
    assert "The front of random-search suffered most" in printed
    page = Path(verdict["page"])
    assert page == races / "validation.md" and str(page) in printed
    assert verdict["methods_verdict"] in page.read_text(encoding="utf-8")


def test_training_without_torch_says_what_to_install(
    bagbench: Command, races: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_trainer.cache_clear()
    for module in ("bagbench.problems.trainer", "bagbench.problems.training_run"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    ran = bagbench("validate", races)
    assert ran.code == 2
    assert "needs torch, which is not installed: pip install 'bagbench[train]'" in ran.err
    assert not (races / "validation.csv").exists()


@pytest.mark.parametrize(
    ("content", "explanation"),
    [
        ("", "has other columns: expected the validation.csv that `bagbench validate` wrote"),
        ("name,value\na,1\n", "has other columns"),
        ("{header}\nabc,0,ok\n", "line 2 is damaged"),
        ("{header}\nabc,0,ok,1,much,1,1,1,1,{{}}\n", "line 2 is damaged .* move it away to start anew"),
    ],
)
def test_foreign_validation_is_refused_and_kept(content: str, explanation: str, bagbench: Command, races: Path) -> None:
    names = ("val_error", "log10_params", "seconds")
    header = ",".join(["digest,seed,status", *(f"predicted_{n},true_{n}" for n in names), "config"])
    text = content.format(header=header)
    (races / "validation.csv").write_text(text)
    ran = bagbench("validate", races, "--runs", 1)
    assert ran.code == 2
    assert re.search(explanation, ran.err)
    assert (races / "validation.csv").read_text() == text


def test_no_run_starts_after_the_minutes_are_over(
    bagbench: Command, races: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 299.0, 300.0])
    monkeypatch.setattr("bagbench.simulator.overhead.real_seconds", lambda: next(clock))
    limit = _Limit(5.0)
    assert [(limit(), limit.is_reached) for _ in range(2)] == [(True, False), (False, True)]

    clock = iter([0.0, 300.0])
    ran = bagbench("validate", races, "--minutes", 5, "--jobs", 1, "--device", "cpu")
    assert ran.code == 0
    assert "stopped after 5 minutes: what is finished is kept, the same command goes on from there" in ran.err
    assert "0 configurations are too few" in ran.out
    assert not (races / "validation.csv").exists()

    refused = bagbench("validate", races, "--minutes", 0)
    assert refused.code == 2 and "--minutes is 0: expected a number above 0" in refused.err


@pytest.fixture
def base(table: Path, tmp_path: Path) -> Path:
    """The made-up table, as if trained on the images that are here."""
    path = tmp_path / "base.h5"
    replace(Table.open(table), data_set=load_data_set("digits").digest).save(path)
    return path


def remember(path: Path, claims: Sequence[Claim], table: Path) -> None:
    """Make a table of true runs up: each claim has the curves of some run of ``table``, with two seeds."""
    runs = Table.open(table).runs.take(np.arange(2 * len(claims)))
    plan = Plan(problem="digits", design=CHOSEN, replicates=0.0)
    chosen = replace(
        runs,
        vectors=np.array([claim.vector for claim in claims for _ in range(2)]),
        digests=np.array([claim.digest for claim in claims for _ in range(2)], dtype="S16"),
        seeds=np.tile([0, 1], len(claims)),
    )
    images = load_data_set("digits").digest
    Table(problem=get_problem("digits"), runs=merge_runs(chosen, chosen), data_set=images, plan=plan).save(path)


def test_refit_learns_from_the_runs_and_says_what_changed(
    bagbench: Command, races: Path, base: Path, surrogate: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "Recipe", lambda: recipe)
    claims = find_claims(load_experiment(races), open_benchmark(surrogate))
    assert len(claims) >= 3
    remember(races / "validation.h5", claims, base)
    answered, learnt = surrogate.read_bytes(), base.read_bytes()
    words = ("validate", races, "--seeds", 2, "--refit", "--base", base, "--jobs", 1)
    ran = bagbench(*words, "--json")
    assert ran.code == 0, ran.err
    verdict = json.loads(ran.out)["refit"]
    assert (verdict["base_runs"], verdict["new_runs"], verdict["judged"]) == (80, 2 * len(claims), len(claims))
    assert [line["name"] for line in verdict["before"]] == ["val_error", "seconds"]
    assert verdict["before"] != verdict["after"] and verdict["methods"][0]["optimizer"] == "random-search"
    page = (races / "validation.md").read_text(encoding="utf-8")
    assert verdict["sentence"] in page and "--seeds 2 --refit\n" in page
    refitted = SurrogateBenchmark(verdict["surrogate"])
    assert refitted.provenance["table_sha256"] == Table.open(verdict["table"]).sha256
    assert refitted.card["runs"] == 80 + 2 * len(claims)
    losses, _ = refitted.query_batch(np.array([claim.vector for claim in claims]), np.full(len(claims), 25))
    reference = refitted.problem.reference_point
    assert verdict["methods"][0]["refitted"] == pytest.approx(hypervolume(losses, reference))
    assert (surrogate.read_bytes(), base.read_bytes()) == (answered, learnt)

    assert "refitting: 1 of" in ran.err
    assert f"try `bagbench compare {races / 'refit.onnx'}`" in bagbench(*words).out


def test_refit_without_enough_runs_is_refused_once_the_page_is_written(
    bagbench: Command, races: Path, base: Path, surrogate: Path
) -> None:
    claims = find_claims(load_experiment(races), open_benchmark(surrogate))[:2]
    remember(races / "validation.h5", claims, base)
    ran = bagbench("validate", races, "--runs", 2, "--refit", "--base", base)
    assert ran.code == 2
    assert "--refit needs true runs of 3 or more configurations in the table, got 2" in ran.err
    assert (races / "validation.md").exists() and not (races / "refit.onnx").exists()


def test_base_without_refit_is_refused(bagbench: Command, races: Path, base: Path) -> None:
    ran = bagbench("validate", races, "--base", base)
    assert ran.code == 2
    assert "is what a refit learns from besides: expected --refit, too" in ran.err


def test_table_of_a_design_is_refused_and_kept(bagbench: Command, races: Path, table: Path) -> None:
    before = table.read_bytes()
    ran = bagbench("validate", races, "--runs", 1, "--table", table)
    assert ran.code == 2
    assert "made_up.h5 holds other runs than chosen ones of 'digits'" in ran.err
    assert table.read_bytes() == before and not (races / "validation.csv").exists()


def test_scheduler_that_does_not_answer_is_refused(bagbench: Command, races: Path) -> None:
    pytest.importorskip("distributed")
    ran = bagbench("validate", races, "--scheduler", "nowhere")
    assert ran.code == 2
    assert "no Dask scheduler answers at 'nowhere'" in ran.err


def test_unknown_device_is_refused(bagbench: Command, races: Path) -> None:
    ran = bagbench("validate", races, "--device", "abacus")
    assert ran.code == 2
    assert "unknown device 'abacus': expected one of auto, cpu, cuda" in ran.err
    assert not (races / "validation.csv").exists()


def test_exact_objectives_leave_nothing_to_validate(bagbench: Command, surrogate: Path) -> None:
    words = ("--optimizers", "random-search", "--seeds", 1, "--evaluations", 5, "--jobs", 1, "--out", "out")
    bagbench("compare", surrogate, *words, "--objectives", "log10_params,log10_macs")
    ran = bagbench("validate", "out")
    assert ran.code == 2
    assert "are exact functions of the configuration" in ran.err
