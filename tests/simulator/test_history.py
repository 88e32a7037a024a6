"""Histories: identity, and files that can be trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from bagbench.problems.errors import FileProblem, InvalidArgument
from bagbench.problems.problem import Problem
from bagbench.simulator.history import History
from bagbench.tables.sealed import write_sealed


def make_history(problem: Problem, n: int = 6) -> History:
    rng = np.random.default_rng(0)
    vectors = problem.space.sample(rng, n)
    return History(
        digests=np.array(problem.space.digests(vectors), dtype=np.str_),
        vectors=vectors,
        epochs=np.full(n, 25),
        resume_from=np.zeros(n, dtype=int),
        seeds=np.arange(n),
        losses=np.where(np.arange(n)[:, None] == 1, np.nan, rng.random((n, 2))),
        asked=np.arange(n) * 1.0,
        started=np.arange(n) * 1.0,
        finished=np.arange(n) + 1.0,
        worker=np.zeros(n, dtype=int),
        status=np.array(["failed" if i == 1 else "ok" for i in range(n)], dtype=np.str_),
        thinking=np.zeros(n),
        problem=problem.name,
        objectives=problem.objective_names,
        optimizer="random-search",
        seed=3,
        workers=1,
        budget_seconds=None,
        budget_evaluations=n,
        checkpointing=True,
        benchmark="toy",
        wall_seconds=0.25,
    )


@pytest.fixture
def history(toy_problem: Problem) -> History:
    return make_history(toy_problem)


@pytest.mark.parametrize("n", [0, 1, 6])
def test_a_saved_history_comes_back_whole(n: int, toy_problem: Problem, tmp_path: Path) -> None:
    history = make_history(toy_problem, n)
    history.save(tmp_path / "race.h5")
    loaded = History.load(tmp_path / "race.h5")
    for name in History.__slots__:
        saved, read = getattr(history, name), getattr(loaded, name)
        if isinstance(saved, np.ndarray):
            assert np.array_equal(saved, read, equal_nan=saved.dtype.kind == "f"), name
            assert saved.dtype.kind == read.dtype.kind
        else:
            assert saved == read, name
    assert loaded.digest() == history.digest()
    assert [path.name for path in tmp_path.iterdir()] == ["race.h5"]


def test_a_history_is_read_only(history: History) -> None:
    with pytest.raises(FrozenInstanceError):
        history.workers = 2  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        history.losses[0] = 0.0


@pytest.mark.parametrize(
    "change",
    [
        {"workers": 2},
        {"budget_seconds": 5.0},
        {"checkpointing": False},
        {"problem": "digits"},
        {"seeds": np.arange(6) + 1},
        {"finished": np.arange(6) + 1.5},
        {"status": np.array(["ok"] * 6)},
    ],
)
def test_the_digest_tells_different_races_apart(change: dict[str, object], history: History) -> None:
    assert replace(history, **change).digest() != history.digest()  # type: ignore[arg-type]


def test_the_digest_sees_the_last_bit_of_a_loss(history: History) -> None:
    losses = history.losses.copy()
    losses[0, 0] = np.nextafter(losses[0, 0], 1)
    assert replace(history, losses=losses).digest() != history.digest()


@pytest.mark.parametrize(
    "change", [{"wall_seconds": 9.0}, {"thinking": np.ones(6)}, {"optimizer": "mine"}, {"seed": 4}, {"benchmark": "b"}]
)
def test_the_digest_ignores_real_time_and_given_names(change: dict[str, object], history: History) -> None:
    assert replace(history, **change).digest() == history.digest()  # type: ignore[arg-type]


def test_the_digest_is_the_same_in_another_process(history: History, tmp_path: Path) -> None:
    history.save(tmp_path / "race.h5")
    code = "import sys; from bagbench.simulator.history import History; print(History.load(sys.argv[1]).digest())"
    command = [sys.executable, "-c", code, str(tmp_path / "race.h5")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == history.digest()


def test_columns_of_different_lengths_are_refused(history: History) -> None:
    with pytest.raises(InvalidArgument, match="must be equally long"):
        replace(history, epochs=np.array([1]))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"cannot read .*race.h5: No such file .* expected a bagbench-history file"):
        History.load(tmp_path / "race.h5")


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "is empty"), (b"\x89HDF\r\n\x1a\n", "is no file of bagbench's")],
)
def test_a_foreign_file_is_refused(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "race.h5"
    path.write_bytes(content)
    with pytest.raises(FileProblem, match=f"{what}.* expected a bagbench-history file"):
        History.load(path)


def test_a_sealed_file_of_something_else_is_refused(tmp_path: Path) -> None:
    write_sealed(tmp_path / "table.h5", "bagbench-table", 1, lambda path: path.write_bytes(bytes(1000)))
    with pytest.raises(FileProblem, match="is a bagbench-table file: expected a bagbench-history file"):
        History.load(tmp_path / "table.h5")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    write_sealed(tmp_path / "race.h5", "bagbench-history", 2, lambda path: path.write_bytes(bytes(1000)))
    with pytest.raises(FileProblem, match="has version 2 of bagbench-history, this bagbench reads up to 1"):
        History.load(tmp_path / "race.h5")


def test_the_file_can_be_read_with_nothing_but_h5py(history: History, tmp_path: Path) -> None:
    history.save(tmp_path / "race.h5")
    with h5py.File(tmp_path / "race.h5", "r") as file:
        assert file["epochs"][()].tolist() == [25] * 6
        assert file["digests"].asstr()[0] == history.digests[0]
        assert json.loads(file.attrs["metadata"])["optimizer"] == "random-search"


@pytest.mark.parametrize("column", ["losses", "thinking"])
def test_an_altered_column_is_refused(column: str, history: History, tmp_path: Path) -> None:
    history.save(tmp_path / "race.h5")
    with h5py.File(tmp_path / "race.h5", "r+") as file:
        file[column][0] = 0.125
    with pytest.raises(FileProblem, match="was altered after it was written"):
        History.load(tmp_path / "race.h5")


def test_a_truncated_file_is_refused(history: History, tmp_path: Path) -> None:
    history.save(tmp_path / "race.h5")
    content = (tmp_path / "race.h5").read_bytes()
    for length in np.linspace(1, len(content) - 1, 20, dtype=int):
        (tmp_path / "cut.h5").write_bytes(content[:length])
        with pytest.raises(FileProblem, match="truncated|is no file of bagbench's"):
            History.load(tmp_path / "cut.h5")


def test_a_flipped_bit_is_refused(history: History, tmp_path: Path) -> None:
    history.save(tmp_path / "race.h5")
    content = np.frombuffer((tmp_path / "race.h5").read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(0)
    for position in rng.integers(512, len(content), size=300):
        flipped = content.copy()
        flipped[position] ^= 1 << rng.integers(8)
        (tmp_path / "flipped.h5").write_bytes(flipped.tobytes())
        with pytest.raises(FileProblem, match="was altered after it was written"):
            History.load(tmp_path / "flipped.h5")


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "race.h5"
    history.save(path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace(history, seed=9).save(path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["race.h5"]
