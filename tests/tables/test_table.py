"""Tables: what is written comes back, equal tables are equal files, and a person can read them with h5py alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.errors import FileProblem, UnknownName
from bagbench.problems.problem import Objective, Problem
from bagbench.problems.space import Space
from bagbench.tables.designs import CostModel, Plan
from bagbench.tables.runs import Entry, Runs, runs_from_entries
from bagbench.tables.table import Table

MakeEntry = Callable[..., Entry]
COLUMNS = ("vectors", "digests", "seeds", "status", "inclusion_probability", "started")


@pytest.fixture
def table(make_entry: MakeEntry) -> Table:
    problem = get_problem("digits")
    vectors = problem.space.sample(np.random.default_rng(3), 6)
    entries = [make_entry(vector, index=index) for index, vector in enumerate(vectors[:4])]
    entries.append(make_entry(vectors[4], index=4, epochs=3, status="out_of_memory"))
    entries.append(make_entry(vectors[5], index=5, epochs=0, status="failed"))
    plan = Plan(problem="digits", design="cost-aware", target_seconds=1.0, cost=CostModel(per_step=0.1, per_mac=1e-9))
    return Table(problem=problem, runs=runs_from_entries(entries, problem), data_set="ab" * 32, plan=plan)


def assert_equal(one: Runs, other: Runs) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.errors, one.environments) == (other.errors, other.environments)
    assert set(one.curves) == set(other.curves)
    for name, values in one.curves.items():
        expected = values.astype(np.float32) if name.endswith("_seconds") else values
        np.testing.assert_array_equal(other.curves[name], expected)


def test_table_comes_back_as_it_was(table: Table, tmp_path: Path) -> None:
    table.save(tmp_path / "t.h5")
    again = Table.open(tmp_path / "t.h5")
    assert_equal(table.runs, again.runs)
    assert (again.problem, again.data_set, again.plan) == (table.problem, table.data_set, table.plan)
    assert len(again) == 6
    assert again.epochs == 25
    assert again.sha256 in (tmp_path / "t.h5").read_bytes()[:512].decode()


def test_equal_tables_are_equal_files(table: Table, tmp_path: Path) -> None:
    table.save(tmp_path / "a.h5")
    time.sleep(1.1)  # HDF5 would write the time in seconds
    turned = dict(reversed([*table.runs.curves.items()]))
    replace(table, runs=replace(table.runs, curves=turned)).save(tmp_path / "b.h5")
    Table.open(tmp_path / "a.h5").save(tmp_path / "c.h5")
    contents = {(tmp_path / name).read_bytes() for name in ("a.h5", "b.h5", "c.h5")}
    assert len(contents) == 1


def test_nothing_in_an_open_table_can_be_changed(table: Table, tmp_path: Path) -> None:
    table.save(tmp_path / "t.h5")
    runs = Table.open(tmp_path / "t.h5").runs
    for values in (*(getattr(runs, name) for name in COLUMNS), *runs.curves.values()):
        assert not values.flags.writeable
    assert isinstance(runs.errors, tuple)
    assert isinstance(runs.environments, tuple)


def test_columns_are_natural_values_that_h5py_reads(table: Table, tmp_path: Path) -> None:
    table.save(tmp_path / "t.h5")
    space = table.problem.space
    with h5py.File(tmp_path / "t.h5", "r") as file:
        assert file.attrs["format"] == "bagbench-table"
        assert file.attrs["version"] == 1
        assert json.loads(file.attrs["problem"])["space"] == json.loads(space.document)
        assert list(file["config"]) == sorted(space.names)
        for row, vector in enumerate(table.runs.vectors):
            config = space.decode(vector)
            for name in space.names:
                value = file["config"][name][row]
                if name in config:
                    assert value == config[name]
                else:
                    assert np.isnan(value)
            counts = 10.0 ** table.problem.known["log10_params"](space.natural(vector[None]))
            assert file["static/parameters"][row] == round(float(counts[0]))
        assert file["config/batch_norm"].dtype == bool
        assert file["config/batch_size"].dtype == np.int64
        assert [file["environments"].asstr()[i] for i in file["run/environment"][:]] == list(table.runs.environments)
        assert list(file["run/errors"].asstr()[:]) == list(table.runs.errors)


def test_losses_are_percent_and_nan_behind_the_end_of_a_run(table: Table) -> None:
    accuracy = table.runs.curves["val_accuracy"]
    np.testing.assert_array_equal(table.losses("val_error"), 100.0 * (1.0 - accuracy))
    for name in ("val_error", "test_error", "val_loss", "train_seconds"):
        gone = np.isnan(table.losses(name))
        assert gone[4].tolist() == [False] * 3 + [True] * 22
        assert gone[5].all()
        assert not gone[:4].any()


def test_losses_of_an_unknown_metric_are_refused(table: Table) -> None:
    message = r"^unknown metric of 'digits' 'val_los': expected one of .*; did you mean 'val_loss'\?$"
    with pytest.raises(UnknownName, match=message):
        table.losses("val_los")


def words_problem() -> Problem:
    """Build a problem of somebody's own, with words, mixed choices, an ordinal, a constant and conditional ones."""
    space = Space.from_document(
        {
            "name": "words",
            "hyperparameters": [
                {"type": "categorical", "name": "kind", "choices": ["tree", "net"]},
                {"type": "categorical", "name": "mixed", "choices": ["auto", 1, 0.5, "yes"]},
                {"type": "ordinal", "name": "size", "sequence": ["s", "m", "l"], "default_value": "m"},
                {"type": "constant", "name": "fixed", "value": "always"},
                {"type": "uniform_int", "name": "depth", "lower": 1, "upper": 9},
                {"type": "categorical", "name": "act", "choices": ["relu", "tanh"]},
                {"type": "categorical", "name": "bias", "choices": [True, False]},
                {"type": "uniform_float", "name": "rate", "lower": 1e-7, "upper": 3.0, "log": True},
            ],
            "conditions": [
                {"type": "EQ", "child": "depth", "parent": "kind", "value": "tree"},
                {"type": "EQ", "child": "act", "parent": "kind", "value": "net"},
                {"type": "EQ", "child": "bias", "parent": "kind", "value": "net"},
            ],
        }
    )
    loss = Objective(name="loss", unit="", bounds=(0.0, 9.0), reference=9.0, ideal=0.0)
    return Problem(name="mine", space=space, metrics=(loss,), objectives=(loss,), max_epochs=2, budget_seconds=1.0)


def test_words_and_conditional_values_come_back(tmp_path: Path) -> None:
    problem = words_problem()
    vectors = problem.space.sample(np.random.default_rng(0), 200)
    digests = problem.space.digests(vectors)
    runs = Runs(
        vectors=vectors,
        digests=np.array(digests, dtype="S16"),
        seeds=np.zeros(200, dtype=np.int64),
        status=np.array(["ok"] * 200, dtype="S16"),
        errors=("",) * 200,
        inclusion_probability=np.ones(200),
        started=np.zeros(200),
        environments=("{}",) * 200,
        curves={"loss": np.ones((200, 2)), "train_seconds": np.ones((200, 2))},
    )
    Table(problem=problem, runs=runs).save(tmp_path / "t.h5")
    again = Table.open(tmp_path / "t.h5")
    np.testing.assert_array_equal(np.isnan(again.runs.vectors), np.isnan(vectors))
    np.testing.assert_allclose(again.runs.vectors, vectors, rtol=0, atol=1e-12)
    assert problem.space.digests(again.runs.vectors) == digests
    assert again.problem == problem
    assert again.plan is None
    with h5py.File(tmp_path / "t.h5", "r") as file:
        assert set(file["config/act"].asstr()[:]) == {"relu", "tanh", ""}
        assert set(file["config/mixed"].asstr()[:]) == {"auto", "1", "0.5", "yes"}


def test_plan_of_a_table_must_be_one(table: Table, tmp_path: Path) -> None:
    for text in ("[]", "{", "{}", '{"problem": "digits", "cost": {"speed": 1}}', '{"cost": null, "design": "round"}'):
        with pytest.raises(FileProblem, match="^not a plan of `bagbench populate`: "):
            Plan.from_json(text)


GOLDEN = Path(__file__).parents[1] / "golden" / "table-v1.h5"


def test_table_of_version_1_opens_for_ever() -> None:
    table = Table.open(GOLDEN)
    assert table.sha256 == "ae4361cdbd1fa2a34d12a225cf12d83bb0e63c48981445ffb75c2beb91e8a723"
    assert len(table) == 8
    assert table.problem.objective_names == ("val_error", "log10_params")
    assert table.plan == Plan(problem="digits", replicates=0.25, seed=1)
    assert sorted(table.runs.seeds.tolist()) == [0, 0, 0, 0, 0, 0, 1, 1]
    assert set(table.runs.status.tolist()) == {b"ok"}
    assert table.runs.curves["val_accuracy"].shape == (8, 25)
    assert len(set(table.runs.digests.tolist())) == 6
    assert table.problem.space.digests(table.runs.vectors) == table.runs.digests.astype(str).tolist()
    assert 0.0 < table.losses("val_error")[:, -1].min() < 20.0
