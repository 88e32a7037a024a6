"""``bagbench card``: real races on the true trainer, and the card that they renew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from bagbench.scripts.card import seconds_ratios
from bagbench.simulator.benchmarks import fingerprint
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.file import renew_card
from bagbench.tables.table import Table

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two optimizers, each racing for three real trials."""
    from bagbench.simulator.grid import Grid, run_grid

    folder = tmp_path_factory.mktemp("truth") / "races"
    optimizers = ("random-search", "sh-emoa")
    run_grid(
        Grid(problem="digits", source="trainer", optimizers=optimizers, seeds=(0,), budget_evaluations=3), out=folder
    )
    return folder


@pytest.fixture
def own(surrogate: Path, table: Path, empty_folder: Path) -> Path:
    """A surrogate and its table that may be changed."""
    shutil.copy(table, empty_folder / "own.h5")
    return Path(shutil.copy(surrogate, empty_folder / "own.onnx"))


def test_true_races_become_part_of_the_card_and_answers_stay(bagbench: Command, own: Path, truth: Path) -> None:
    before, identity = SurrogateBenchmark(own), fingerprint(own, "surrogate")
    ran = bagbench("card", own, "--truth", truth, "--seeds", 2, "--jobs", 1)
    assert ran.code == 0
    after: Any = SurrogateBenchmark(own)
    assert {**after.card, "true_races": None} == {**before.card, "true_races": None}
    assert fingerprint(own, "surrogate") == identity
    default = json.loads(bagbench("info", own, "--json").out)["default"]
    assert after.query(default).losses.tolist() == before.query(default).losses.tolist()
    evidence = after.card["true_races"]
    assert evidence["visited"]["random-search"]["judged"] == 3
    assert 0 <= evidence["visited"]["sh-emoa"]["in_domain"] <= 1
    assert set(evidence["trajectories"]["final"]) == {"random-search", "sh-emoa"}
    assert evidence["trajectories"]["simulated_seeds"] == 2
    shown = bagbench("info", own, "--card").out
    assert "Races on the true trainer and on the surrogate" in shown
    assert f"{evidence['trajectories']['final']['sh-emoa']['true']:.2f}" in shown


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory, config: str) -> Path:
    """Real trainings of an epoch, eight of each of 20 configurations, under the name of a full training."""
    from bagbench.problems import get_problem
    from bagbench.problems.trainer import Trainer
    from bagbench.tables.runs import Entry, runs_from_entries

    problem = get_problem("digits")
    trainer = Trainer(problem)
    entries: list[Entry] = []
    for number in range(20):
        vector = problem.space.encode({**json.loads(config), "n_fc_0": 20 + number})
        for seed in range(8):
            record = trainer.record(vector, epochs=1, seed=seed)
            entries.append(
                Entry(
                    index=len(entries),
                    digest=problem.space.digest(vector),
                    config=problem.space.decode(vector),
                    seed=seed,
                    inclusion_probability=1.0,
                    status=record.status,
                    error=record.error,
                    started=record.started,
                    environment=trainer.environment,
                    curves={name: values.tolist() * problem.max_epochs for name, values in record.curves.items()},
                )
            )
    path = tmp_path_factory.mktemp("repeated") / "repeated.h5"
    Table(problem=problem, runs=runs_from_entries(entries, problem)).save(path)
    return path


def test_runs_of_other_configurations_become_part_of_the_card(bagbench: Command, own: Path, repeated: Path) -> None:
    before, identity = SurrogateBenchmark(own), fingerprint(own, "surrogate")
    ran = bagbench("card", own, "--held-out", repeated)
    assert ran.code == 0
    after: Any = SurrogateBenchmark(own)
    evidence = after.card["held_out"]
    assert {**after.card, "held_out": None} == {**before.card, "held_out": None}
    assert fingerprint(own, "surrogate") == identity
    assert (evidence["configurations"], evidence["runs_of_each"]) == (20, 8)
    assert set(evidence["metrics"]) == {"val_error", "val_loss", "test_error"}
    shown = bagbench("info", own, "--card").out
    assert "20 configurations that were not learnt from, 8 runs of each" in shown
    assert f"{evidence['metrics']['val_error']['ceiling']['kendall_tau']:.3f}" in shown


def test_a_table_with_few_replicates_cannot_judge(bagbench: Command, own: Path, table: Path) -> None:
    before = own.read_bytes()
    ran = bagbench("card", own, "--held-out", table)
    assert ran.code == 2
    assert "0 of the 0 configurations that were not learnt from have at least 8 finished runs" in ran.err
    assert own.read_bytes() == before


def test_what_was_learnt_from_must_be_known(bagbench: Command, own: Path, repeated: Path) -> None:
    """By another table than its own, runs that it has learnt from would pass for unseen ones."""
    before = own.read_bytes()
    ran = bagbench("card", own, "--table", repeated, "--held-out", repeated)
    assert ran.code == 2
    assert "the surrogate was not fitted to this table" in ran.err
    assert own.read_bytes() == before


def test_doing_it_again_changes_nothing(bagbench: Command, own: Path, truth: Path) -> None:
    words = ("card", own, "--truth", truth, "--seeds", 2, "--jobs", 1)
    bagbench(*words)
    once = own.read_bytes()
    assert json.loads(bagbench(*words, "--json").out)["true_races"]["trajectories"]["true_seeds"] == 1
    assert own.read_bytes() == once


def test_races_on_another_machine_are_put_on_one_clock(bagbench: Command, own: Path, truth: Path) -> None:
    words = ("card", own, "--truth", truth, "--seeds", 2, "--jobs", 1, "--json")
    same, slow = (json.loads(bagbench(*words, *more).out)["true_races"] for more in ((), ("--times-as-long", 4)))
    ends = [evidence["trajectories"]["curves"]["sh-emoa"]["seconds"][-1] for evidence in (same, slow)]
    assert ends[0] == pytest.approx(4 * ends[1])
    assert slow["visited"]["sh-emoa"]["r2"] == same["visited"]["sh-emoa"]["r2"]
    assert "took 4.00 times as long" in bagbench("info", own, "--card").out
    assert bagbench(*words, "--times-as-long", 0).code == 2


def test_trainings_of_another_machine_are_noticed(bagbench: Command, own: Path, truth: Path) -> None:
    words = ("card", own, "--truth", truth, "--seeds", 2, "--jobs", 1)

    def ratios() -> list[float]:
        evidence: Any = SurrogateBenchmark(own).card["true_races"]
        return seconds_ratios(evidence)

    bagbench(*words)
    took = median(ratios())
    assert "another machine" not in bagbench(*words, "--times-as-long", took).err
    assert median(ratios()) == pytest.approx(1.0)
    said = bagbench(*words, "--times-as-long", took / 3, "--json").err
    assert "took 3.00 times as long as predicted: if they ran on another machine than the table's" in said
    assert f"`--times-as-long {took:.3g}`" in said
    assert "times as long as predicted (medians of the optimizers)" in bagbench("info", own, "--card").out


def test_ceilings_are_estimated_again_from_the_table(bagbench: Command, own: Path) -> None:
    fitted: Any = SurrogateBenchmark(own).card
    outdated = json.loads(json.dumps(fitted))
    outdated["metrics"]["val_error"] |= {"ceiling": {"pairs": 0.0}, "share_of_ceiling": {"r2": 2.0}}
    outdated["learning_curve"]["doubling"] = {}
    renew_card(own, outdated)
    identity = fingerprint(own, "surrogate")
    assert bagbench("card", own).code == 0
    assert SurrogateBenchmark(own).card == fitted
    assert fingerprint(own, "surrogate") == identity


def test_ceilings_of_another_table_are_not_taken(bagbench: Command, own: Path) -> None:
    fitted = SurrogateBenchmark(own).card
    table = Table.open(own.with_suffix(".h5"))
    table.take(np.arange(len(table) - 5)).save(own.with_suffix(".h5"))
    ran = bagbench("card", own)
    assert ran.code == 0
    assert "the surrogate was not fitted to the table as it is now: the noise ceilings stay as they are" in ran.err
    assert SurrogateBenchmark(own).card == fitted


def test_what_is_no_surrogate_or_has_no_table_is_refused(
    bagbench: Command, own: Path, truth: Path, table: Path
) -> None:
    assert "ends in .onnx" in bagbench("card", table, "--truth", truth).err
    own.with_suffix(".h5").unlink()
    content = own.read_bytes()
    ran = bagbench("card", own, "--truth", truth)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert own.read_bytes() == content


def test_options_of_races_want_races(bagbench: Command, own: Path) -> None:
    for words in (("--seeds", 3), ("--times-as-long", 2.0)):
        ran = bagbench("card", own, *words)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert "--seeds and --times-as-long are of true races: expected --truth, too" in ran.err


def test_surrogate_without_a_card_is_refused(bagbench: Command, own: Path) -> None:
    renew_card(own, {})
    content = own.read_bytes()
    ran = bagbench("card", own)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "was fitted without a quality card: `bagbench fit` makes one" in ran.err
    assert own.read_bytes() == content
