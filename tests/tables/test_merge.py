"""Merging: in any order, any number of times, and with whoever is still at work, the table is the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.errors import FileProblem, OutputConflict
from bagbench.tables.designs import Plan
from bagbench.tables.journal import Journal, journal_folder, read_entries
from bagbench.tables.lock import LOCK
from bagbench.tables.merge import merge_journal, merge_tables
from bagbench.tables.runs import Entry
from bagbench.tables.table import Table

PLAN = Plan(problem="digits")
MakeEntry = Callable[..., Entry]


@pytest.fixture
def entries(make_entry: MakeEntry) -> list[Entry]:
    vectors = get_problem("digits").space.sample(np.random.default_rng(0), 5)
    entries = [make_entry(vector, index=index) for index, vector in enumerate(vectors)]
    entries.append(make_entry(vectors[0], seed=1, index=5))
    entries.append(make_entry(vectors[1], index=6, epochs=4, status="failed"))  # the same run again: the first stays
    return entries


def add(table: Path, entries: list[Entry]) -> None:
    with Journal(journal_folder(table), PLAN) as journal:
        for entry in entries:
            journal.append(entry)


def test_journal_becomes_a_table_and_goes(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "t.h5"
    add(path, entries[:3])
    assert merge_journal(path) == 3
    assert list(tmp_path.iterdir()) == [path]
    stored = Table.open(path)
    assert sorted(stored.runs.digests.astype(str)) == sorted(entry["digest"] for entry in entries[:3])
    assert stored.plan == PLAN


def test_order_makes_no_difference(tmp_path: Path, entries: list[Entry]) -> None:
    parts = entries[:2], entries[2:5], entries[5:]
    contents = set()
    for number, order in enumerate(permutations(parts)):
        path = tmp_path / f"{number}.h5"
        for part in order:
            add(path, part)
            if number % 2:
                merge_journal(path)
        assert merge_journal(path) == 6
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_merging_again_changes_nothing(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "t.h5"
    add(path, entries)
    merge_journal(path)
    before = path.read_bytes()
    assert merge_journal(path) == 6
    add(path, entries[2:4])
    assert merge_journal(path) == 6
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_to_merge_makes_no_table(tmp_path: Path) -> None:
    assert merge_journal(tmp_path / "t.h5") == 0
    assert list(tmp_path.iterdir()) == []


def test_journal_stays_while_somebody_is_at_work(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "t.h5"
    with Journal(journal_folder(path), PLAN) as journal:
        journal.append(entries[0])
        assert merge_journal(path) == 1
        journal.append(entries[1])
    assert merge_journal(path) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_the_killed_are_removed(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "t.h5"
    add(path, entries)
    (tmp_path / ".t.h5.0123abcd.tmp").write_bytes(b"half a table")
    (tmp_path / ".other.h5.0123abcd.tmp").write_bytes(b"not ours")
    merge_journal(path)
    assert sorted(item.name for item in tmp_path.iterdir()) == [".other.h5.0123abcd.tmp", "t.h5"]


def test_damage_leaves_table_and_journal_as_they_are(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "t.h5"
    add(path, entries[:3])
    merge_journal(path)
    add(path, entries[3:])
    path.write_bytes(path.read_bytes()[:-1])
    files = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileProblem, match="t.h5 is truncated"):
        merge_journal(path)
    assert sorted(tmp_path.rglob("*")) == files


def test_runs_without_their_plan_are_refused(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "t.h5"
    add(path, entries)
    (journal_folder(path) / "plan.json").unlink()
    with pytest.raises(FileProblem, match=r"^journal .*t.h5.journal has runs but no plan.json: put the file back"):
        merge_journal(path)


def test_quantity_that_only_later_runs_have_is_nan_before(tmp_path: Path, entries: list[Entry]) -> None:
    path = tmp_path / "t.h5"
    add(path, entries[:1])
    merge_journal(path)
    richer: Entry = {**entries[2], "curves": {**entries[2]["curves"], "energy": [1.0, 2.0]}}
    add(path, [richer])
    merge_journal(path)
    runs = Table.open(path).runs
    row = runs.digests.astype(str).tolist().index(richer["digest"])
    np.testing.assert_array_equal(runs.curves["energy"][row], [1.0, 2.0] + [np.nan] * 23)
    assert np.isnan(runs.curves["energy"][1 - row]).all()


@pytest.fixture
def parts(tmp_path: Path, entries: list[Entry]) -> list[Path]:
    """Three tables of one plan, the last of which has a run of the first again."""
    paths = [tmp_path / f"{name}.h5" for name in ("one", "two", "three")]
    for path, own in zip(paths, (entries[:3], entries[3:5], entries[5:]), strict=True):
        add(path, own)
        merge_journal(path)
    return paths


def test_tables_of_several_machines_become_the_table_of_one(
    tmp_path: Path, entries: list[Entry], parts: list[Path]
) -> None:
    whole = tmp_path / "whole.h5"
    add(whole, entries)
    merge_journal(whole)
    for number, order in enumerate(permutations(parts)):
        out = tmp_path / f"out{number}.h5"
        assert merge_tables(order, out) == 6
        assert out.read_bytes() == whole.read_bytes()
    before = parts[1].read_bytes()
    assert merge_tables(parts, parts[0]) == 6
    assert merge_tables(parts, parts[0]) == 6
    assert parts[0].read_bytes() == whole.read_bytes()
    assert parts[1].read_bytes() == before


def test_an_empty_journal_is_in_nobodys_way(tmp_path: Path, parts: list[Path]) -> None:
    journal_folder(parts[0]).mkdir()
    assert merge_tables(parts, tmp_path / "out.h5") == 6


def test_a_journal_is_not_merged_into_a_table_of_another_plan(tmp_path: Path, entries: list[Entry]) -> None:
    mine, other = tmp_path / "mine.h5", tmp_path / "other.h5"
    add(mine, entries[:3])
    with Journal(journal_folder(other), replace(PLAN, seed=1)) as journal:
        journal.append(entries[3])
    merge_journal(other)
    mine.write_bytes(other.read_bytes())  # somebody was faster
    with pytest.raises(OutputConflict, match=r"mine.h5 is of another plan than its journal .*mine.h5.journal"):
        merge_journal(mine)
    assert mine.read_bytes() == other.read_bytes()
    assert len(list(read_entries(journal_folder(mine)))) == 3


def test_the_folder_goes_though_a_network_file_system_keeps_the_lock(
    tmp_path: Path, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is open when it is removed gets another name there, until it is closed."""
    path, kept = tmp_path / "t.h5", list[Path]()
    unlink, rmdir = Path.unlink, Path.rmdir

    def rename(file: Path, missing_ok: bool = False) -> None:
        if file.name == LOCK:
            kept.append(file.rename(file.with_name(".nfs0001")))
        else:
            unlink(file, missing_ok=missing_ok)

    def close_first(folder: Path) -> None:
        if kept and not is_open(kept[0]):
            unlink(kept.pop())
        rmdir(folder)

    def is_open(file: Path) -> bool:
        return any(link.exists() and link.samefile(file) for link in Path("/proc/self/fd").iterdir())

    monkeypatch.setattr(Path, "unlink", rename)
    monkeypatch.setattr(Path, "rmdir", close_first)
    add(path, entries[:3])
    assert merge_journal(path) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_tables_that_do_not_belong_together_are_refused(
    tmp_path: Path, entries: list[Entry], parts: list[Path]
) -> None:
    out = tmp_path / "out.h5"
    other = tmp_path / "other.h5"
    with Journal(journal_folder(other), replace(PLAN, seed=1)) as journal:
        journal.append(entries[0])
    merge_journal(other)
    with pytest.raises(OutputConflict, match="other.h5 and .*one.h5 are not of one plan: begin a table on one"):
        merge_tables([*parts, other], out)
    with pytest.raises(OutputConflict, match="other.h5 is there already and not one of the tables to merge"):
        merge_tables(parts, other)
    add(parts[2], entries[:1])
    with pytest.raises(OutputConflict, match="three.h5 has runs in its journal that are not in the table"):
        merge_tables(parts, out)
    parts[1].write_bytes(parts[1].read_bytes()[:-1])
    with pytest.raises(FileProblem, match="two.h5 is truncated"):
        merge_tables(parts[:2], out)
    add(out, entries[:1])  # somebody has begun to collect it
    with pytest.raises(OutputConflict, match="out.h5 has runs in its journal that are not in the table"):
        merge_tables(parts[:1], out)
    assert not out.exists()
