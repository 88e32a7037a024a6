"""Journals: what was finished is kept, what was torn is ignored, what was altered is refused, nothing is done twice."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.errors import FileProblem, OutputConflict
from bagbench.tables.designs import Plan
from bagbench.tables.journal import Journal, journal_folder, read_entries
from bagbench.tables.lock import lives, locked, remove
from bagbench.tables.runs import Entry

PLAN = Plan(problem="digits")
MakeEntry = Callable[..., Entry]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return journal_folder(tmp_path / "t.h5")


@pytest.fixture
def entries(make_entry: MakeEntry) -> list[Entry]:
    vectors = get_problem("digits").space.sample(np.random.default_rng(0), 4)
    return [make_entry(vector, index=index) for index, vector in enumerate(vectors)]


def write(folder: Path, entries: list[Entry]) -> Path:
    with Journal(folder, PLAN) as journal:
        for entry in entries:
            journal.append(entry)
        return folder / f"{journal.owner}.jsonl"


def test_entries_come_back_as_they_were(folder: Path, entries: list[Entry]) -> None:
    write(folder, entries)
    assert list(read_entries(folder)) == entries


def test_not_a_number_survives(folder: Path, entries: list[Entry]) -> None:
    entries[0]["curves"] = {"val_loss": [float("nan"), float("inf")]}
    write(folder, entries[:1])
    values = next(read_entries(folder))["curves"]["val_loss"]
    np.testing.assert_array_equal(values, [np.nan, np.inf])


def test_line_torn_anywhere_is_ignored_if_it_is_the_last(folder: Path, entries: list[Entry]) -> None:
    path = write(folder, entries)
    content = path.read_bytes()
    start = content.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(content) - 1, 37):
        path.write_bytes(content[:end])
        assert list(read_entries(folder)) == entries[:-1]


def test_damaged_line_before_a_torn_one_is_refused(folder: Path, entries: list[Entry]) -> None:
    path = write(folder, entries)
    content = bytearray(path.read_bytes()[:-5])
    last = content.rindex(b"\n") + 1
    content[content.rindex(b"\n", 0, last - 1) + 20] ^= 0x04
    path.write_bytes(content)
    with pytest.raises(FileProblem, match=rf"line {len(entries) - 1}: its checksum does not match"):
        list(read_entries(folder))


def test_damaged_earlier_line_is_refused_by_file_and_number(folder: Path, entries: list[Entry]) -> None:
    path = write(folder, entries)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    second = content.index(b"\n") + 1
    for position in rng.integers(second, content.index(b"\n", second), size=40).tolist():
        altered = bytearray(content)
        altered[position] ^= 0x04  # makes no newline of anything here
        path.write_bytes(altered)
        with pytest.raises(FileProblem, match=rf"^journal .*{path.name}, line 2: its checksum does not match"):
            list(read_entries(folder))


def test_journal_in_which_nothing_came_about_leaves_no_trace(folder: Path) -> None:
    with Journal(folder, PLAN) as journal:
        assert journal.claim(range(3), 3, set()) == [0, 1, 2]
    assert not folder.exists()


def test_second_process_must_follow_the_same_plan(folder: Path) -> None:
    with (
        Journal(folder, PLAN),
        Journal(folder, PLAN),
        pytest.raises(OutputConflict, match="has been begun with another plan meanwhile: add --resume to follow it$"),
    ):
        Journal(folder, Plan(problem="digits", seed=1))


def test_plan_written_before_plans_had_all_their_fields_is_the_same_plan(folder: Path) -> None:
    folder.mkdir()
    (folder / "plan.json").write_text('{"cost":null,"design":"random","problem":"digits","replicates":0.1,"seed":0}')
    with Journal(folder, PLAN):
        pass


# --- claims ----------------------------------------------------------------------------------------------------------


def test_living_owners_never_share_a_run(folder: Path) -> None:
    with Journal(folder, PLAN) as first, Journal(folder, PLAN) as second:
        taken: list[int] = []
        for turn in range(10):
            taken += (first, second)[turn % 2].claim(range(25), 3, set())
    assert taken == list(range(25))


def test_finished_runs_are_not_claimed(folder: Path) -> None:
    with Journal(folder, PLAN) as journal:
        assert journal.claim(range(6), 3, {0, 2, 3}) == [1, 4, 5]


def test_owner_who_left_gives_back_what_it_did_not_finish(folder: Path, entries: list[Entry]) -> None:
    with Journal(folder, PLAN) as witness:
        with Journal(folder, PLAN) as owner:
            assert owner.claim(range(8), 4, set()) == [0, 1, 2, 3]
            owner.append(entries[0])
            owner.append(entries[2])
            assert witness.claim(range(8), 2, set()) == [4, 5]
        assert witness.claim(range(8), 8, set()) == [1, 3, 6, 7]


OWNER = """
import sys, time
from pathlib import Path
from bagbench.tables.designs import Plan
from bagbench.tables.journal import Journal
journal = Journal(Path(sys.argv[1]), Plan(problem="digits"))
print(journal.claim(range(8), 4, set()), flush=True)
time.sleep(60)
"""


def test_owner_who_was_killed_gives_back_its_claims(folder: Path) -> None:
    with Journal(folder, PLAN) as witness:
        owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        with owner:
            assert owner.stdout.readline() == "[0, 1, 2, 3]\n"
            assert witness.claim(range(8), 2, set()) == [4, 5]
            os.kill(owner.pid, signal.SIGKILL)
        assert witness.claim(range(8), 8, set()) == [0, 1, 2, 3, 6, 7]


def test_half_a_claim_of_the_killed_harms_nobody(folder: Path) -> None:
    with Journal(folder, PLAN) as first, Journal(folder, PLAN) as second:
        assert first.claim(range(9), 2, set()) == [0, 1]
        with (folder / "claims.jsonl").open("ab") as file:
            file.write(b'{"index":2,"own')
        assert second.claim(range(9), 2, set()) == [2, 3]
        assert first.claim(range(9), 2, set()) == [4, 5]


# --- the lock --------------------------------------------------------------------------------------------------------


def test_folder_removed_while_somebody_waits_for_its_lock_is_made_again(folder: Path) -> None:
    waiting = "import sys; from pathlib import Path; from bagbench.tables.lock import locked\nprint(1, flush=True)\n"
    waiting += "with locked(Path(sys.argv[1])): print((Path(sys.argv[1]) / 'claims.lock').exists())"
    with locked(folder):
        process = subprocess.Popen([sys.executable, "-c", waiting, str(folder)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        remove(folder)
        assert not folder.exists()
    with process:
        assert process.stdout.read() == "True\n"


def test_removal_keeps_what_joined_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def unlink_and_join(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path.name == "claims.lock":
            (folder / "joined.jsonl").touch()

    monkeypatch.setattr(Path, "unlink", unlink_and_join)
    with locked(folder):
        remove(folder)
    assert [path.name for path in folder.iterdir()] == ["joined.jsonl"]


def test_file_system_without_locks_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    message = f"^cannot lock {folder}/claims.lock: its file system has no locks .No locks available.; mount it"
    with pytest.raises(FileProblem, match=message), locked(folder):
        pass


def test_whoever_has_the_lock_has_changed_the_folder(folder: Path) -> None:
    """So that clients of a network file system look at it anew."""
    with locked(folder):
        os.utime(folder, (1, 1))
    with locked(folder):
        assert folder.stat().st_mtime > 1e9


def test_host_that_is_gone_gives_back_its_claims(folder: Path, entries: list[Entry]) -> None:
    """Its files are there, and its lock is not: so it looks to the others when a file server has given up on it."""
    with Journal(folder, PLAN) as witness:
        (folder / "far-away-1-abcd.jsonl").touch()
        with (folder / "claims.jsonl").open("ab") as file:
            file.write(b"".join(b'{"index":%d,"owner":"far-away-1-abcd"}\n' % index for index in range(3)))
        assert witness.owner.startswith(f"{socket.gethostname()}-{os.getpid()}-")
        assert witness.claim(range(5), 4, set()) == [0, 1, 2, 3]


def test_owner_that_never_was_is_dead(folder: Path) -> None:
    assert not lives(folder / "nobody.jsonl")
