"""Real collections, killed: no run is lost, none is made twice, nobody is left behind, and messages say what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bagbench.problems import get_problem
from bagbench.tables.designs import Plan, planned_runs
from bagbench.tables.journal import journal_folder, read_entries
from bagbench.tables.table import Table

SCRIPT = Path(__file__).with_name("killing.py")
RUNS = 60
KILLED = 50


def assert_complete(table: Path, plan: Plan, runs: int) -> None:
    """Check that a table holds the runs of its plan, each once, and that nothing lies beside it."""
    stored = Table.open(table)
    planned = {(run.digest, run.seed) for run in planned_runs(plan, get_problem("digits"), 1000, runs)}
    found = list(zip(stored.runs.digests.astype(str).tolist(), stored.runs.seeds.tolist(), strict=True))
    assert len(found) == runs
    assert set(found) == planned
    assert stored.plan == plan
    assert list(table.parent.iterdir()) == [table]


@pytest.mark.slow
def test_no_run_is_lost_or_doubled_however_often_two_collections_are_killed(tmp_path: Path) -> None:
    table = tmp_path / "t.h5"
    command = [sys.executable, str(SCRIPT), str(table), "40", str(KILLED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    killed, failed = map(int, done.stdout.split())
    assert killed > 0.8 * KILLED
    assert failed == 0, done.stderr
    assert_complete(table, Plan(problem="digits", replicates=0.2, epochs=1), 40)


# --- the command line ------------------------------------------------------------------------------------------------


def populate(table: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bagbench.scripts.cli", "populate", "digits", "--out", str(table)]
    command += ["--runs", str(RUNS), "--jobs", "2", "--epochs", "1", *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored if the tests run in the background
    )


def workers(process: subprocess.Popen[str]) -> list[int]:
    """List the worker processes of a collection, from what Linux shows of all processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if int(parent) == process.pid and "spawn_main" in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    return found


def eventually(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def collected(table: Path) -> int:
    return len(list(read_entries(journal_folder(table))))


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes to be ended, whatever comes."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_command_line_goes_on_after_every_kind_of_end(tmp_path: Path, running: list[subprocess.Popen[str]]) -> None:
    table = tmp_path / "t.h5"

    def until_it_works(*options: str) -> subprocess.Popen[str]:
        before = collected(table)
        process = populate(table, *options)
        running.append(process)
        assert eventually(lambda: collected(table) > before and len(workers(process)) == 2), process.poll()
        return process

    # The collecting process is killed: its workers follow it.
    process = until_it_works()
    orphans = workers(process)
    process.send_signal(signal.SIGKILL)
    assert eventually(lambda: all(is_gone(pid) for pid in orphans), seconds=10)
    assert not table.exists()

    # A worker is killed: one line says so, the other worker is stopped, what is finished stays.
    process = until_it_works("--resume")
    first, second = workers(process)
    os.kill(first, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    line = errors.strip()
    assert line.startswith("bagbench: a worker process died (killed, or out of memory?): what was finished is kept, ")
    assert line.endswith("(populate: with --resume)")
    assert "\n" not in line
    assert is_gone(second)

    # Ctrl-C: what is there is merged.
    process = until_it_works("--resume")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: start the same command again with --resume to go on" in errors
    assert "Traceback" not in errors
    merged = len(Table.open(table))
    assert 3 <= merged < RUNS
    assert list(tmp_path.iterdir()) == [table]

    # Two collections end it together.
    for process in (populate(table, "--resume", "--json"), populate(table, "--resume", "--json")):
        running.append(process)
    both = [process.communicate(timeout=120) for process in running[-2:]]
    assert [process.returncode for process in running[-2:]] == [0, 0], both
    assert_complete(table, Plan(problem="digits", epochs=1), RUNS)
