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
    replace(table, runs=replace(table.runs.take(np.arange(6)), curves=turned)).save(tmp_path / "b.h5")
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
        assert file.attrs["format"] == b"bagbench-table"
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


def test_runs_are_found_by_digest(table: Table, tmp_path: Path) -> None:
    table.save(tmp_path / "t.h5")
    for each in (table, Table.open(tmp_path / "t.h5"), Table.open(GOLDEN)):
        digests = each.runs.digests.astype(str)
        for digest in set(digests.tolist()):
            np.testing.assert_array_equal(each.find(digest), np.flatnonzero(digests == digest))
        for absent in ("0" * 16, "f" * 16, "", "0123456789abcdef0"):
            assert not len(each.find(absent))


# --- columns that are read as they are asked for ---------------------------------------------------------------------


@pytest.fixture
def many(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a table of 90 runs in pieces of 16, and take every file for a large one."""
    monkeypatch.setattr("bagbench.tables.file.CHUNK", 16)
    monkeypatch.setattr("bagbench.tables.table._SMALL", 0)
    table.take(np.arange(90) % 6).save(tmp_path / "many.h5")
    return tmp_path / "many.h5"


def everything(path: Path) -> Runs:
    runs = Table.open(path).runs
    return runs.take(np.arange(len(runs)))


@pytest.mark.parametrize("rows", [[], [0], [89, 3, 3, 40], list(range(20, 60)), list(range(90))[::-1]], ids=len)
def test_some_rows_are_those_of_the_whole(many: Path, rows: list[int]) -> None:
    table, some = Table.open(many), np.array(rows, dtype=np.int64)
    in_memory = Runs(**{name: getattr(table.runs, name) for name in Runs.__dataclass_fields__})
    assert_equal(in_memory.take(some), table.take(some).runs.take(np.arange(len(some))))


def test_pieces_make_up_the_whole(many: Path) -> None:
    table = Table.open(many)
    parts = list(table.chunks(rows=40))
    assert [len(part) for part in parts] == [40, 40, 10]
    for name in ("val_error", "log10_params", "train_seconds"):
        np.testing.assert_array_equal(np.concatenate([part.losses(name) for part in parts]), table.losses(name))


def test_table_that_was_replaced_meanwhile_stays_what_it_was(many: Path, table: Table) -> None:
    opened, whole = Table.open(many), everything(many)
    table.save(many)
    assert_equal(whole, opened.runs.take(np.arange(90)))
    assert len(Table.open(many)) == 6


def test_only_what_is_asked_for_is_read_and_checked(many: Path) -> None:
    expected = Table.open(many).losses("val_error")
    with h5py.File(many, "r") as file:
        position = file["curve/val_loss"].id.get_chunk_info(3).byte_offset
    content = bytearray(many.read_bytes())
    content[position + 5] ^= 1
    many.write_bytes(content)
    table = Table.open(many)
    np.testing.assert_array_equal(table.losses("val_error"), expected)
    for read in (lambda: table.losses("val_loss"), lambda: table.take(np.arange(50, 60))):
        with pytest.raises(
            FileProblem, match="many.h5 was altered after it was written: curve/val_loss: .* failure during read"
        ):
            read()
    assert len(table.runs.take(np.arange(48)).curves["val_loss"]) == 48  # other pieces than the fourth
    with pytest.raises(FileProblem, match="many.h5 was altered after it was written: its sha256 is"):
        Table.open(many, verify=True)


def test_no_flipped_bit_of_a_large_file_goes_unnoticed_where_it_matters(many: Path) -> None:
    """Of a large file HDF5 checks what it reads: so either nothing that is read has changed, or it is refused."""
    whole, problem, content = everything(many), Table.open(many).problem, many.read_bytes()
    rng, refused = np.random.default_rng(0), 0
    for position in rng.integers(512, len(content), size=300).tolist():
        altered = bytearray(content)
        altered[position] ^= 1 << int(rng.integers(8))
        many.write_bytes(altered)
        try:
            table = Table.open(many)
            assert table.problem == problem
            assert_equal(whole, table.runs.take(np.arange(len(table))))
        except FileProblem:
            refused += 1
    assert refused > 150  # the others lie where nothing is stored


def test_large_file_without_checksums_is_compared_with_its_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bagbench.tables.table._SMALL", 0)
    assert len(Table.open(GOLDEN)) == 8
    content = bytearray(GOLDEN.read_bytes())
    content[-1] ^= 1
    (tmp_path / "t.h5").write_bytes(content)
    with pytest.raises(FileProblem, match="t.h5 was altered after it was written: its sha256 is"):
        Table.open(tmp_path / "t.h5")


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
