"""No file that was cut, altered, replaced or invented passes for a table."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import bagbench
from bagbench.optimizers.random_search import RandomSearch
from bagbench.problems import get_problem
from bagbench.problems.errors import FileProblem
from bagbench.simulator.simulate import simulate
from bagbench.tables.benchmark import TableBenchmark
from bagbench.tables.sealed import BLOCK, check_seal, write_sealed
from bagbench.tables.table import Table

GOLDEN = Path(__file__).parents[1] / "golden" / "table-v1.h5"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "copy.h5"
    path.write_bytes(GOLDEN.read_bytes())
    return path


def test_seal_can_be_read_by_a_person(table: Path) -> None:
    line = table.read_bytes()[:BLOCK].decode().split("\n")[0]
    assert line == f"bagbench-table 1 length={table.stat().st_size} sha256={check_seal(table, 'bagbench-table', 1)}"


@pytest.mark.parametrize("region", ["first block", "behind it"])
def test_any_flipped_bit_is_noticed(table: Path, region: str) -> None:
    content = table.read_bytes()
    rng = np.random.default_rng(0)
    low, high = (0, 110) if region == "first block" else (BLOCK, len(content))
    positions = {*rng.integers(low, high, size=150).tolist(), *rng.integers(0, BLOCK, size=100).tolist()}
    for position in positions:
        altered = bytearray(content)
        altered[position] ^= 1 << int(rng.integers(8))
        table.write_bytes(altered)
        with pytest.raises(FileProblem, match="copy.h5"):
            Table.open(table)
    table.write_bytes(content)
    Table.open(table)


def test_every_bit_of_the_seal_counts(table: Path) -> None:
    content = table.read_bytes()
    for position in range(115):
        for bit in range(8):
            altered = bytearray(content)
            altered[position] ^= 1 << bit
            table.write_bytes(altered)
            with pytest.raises(FileProblem):
                check_seal(table, "bagbench-table", 1)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_truncated_file_is_refused(table: Path, share: float) -> None:
    content = table.read_bytes()
    table.write_bytes(content[: BLOCK + int(share * (len(content) - BLOCK))])
    with pytest.raises(FileProblem, match=rf"copy.h5 is truncated: {len(content)} bytes were written, \d+ are there$"):
        Table.open(table)


def test_appended_bytes_are_noticed(table: Path) -> None:
    table.write_bytes(table.read_bytes() + b"\0")
    with pytest.raises(FileProblem, match="copy.h5 is truncated|altered"):
        Table.open(table)


def test_altered_content_is_named_as_such(table: Path) -> None:
    content = bytearray(table.read_bytes())
    content[-100] ^= 1
    table.write_bytes(content)
    message = r"copy.h5 was altered after it was written: its sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}$"
    with pytest.raises(FileProblem, match=message):
        Table.open(table)


def test_altered_first_block_is_named_as_such(table: Path) -> None:
    content = bytearray(table.read_bytes())
    content[content.index(b"\n")] = ord("\t")
    table.write_bytes(content)
    with pytest.raises(FileProblem, match="copy.h5 was altered .* its first 512 bytes are not as they were$"):
        Table.open(table)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: expected a bagbench-table file$"),
        (b"PK\x03\x04", "is no file of bagbench's: expected a bagbench-table file$"),
        (b"bagbench-history 1 length=1 sha256=0", "is a bagbench-history file: expected a bagbench-table file$"),
        (b"bagbench-table 2 length=1 sha256=0", "has version 2 .* reads up to 1: update bagbench$"),
        (b"bagbench-table x length=1 sha256=0", "has version x .* reads up to 1: update bagbench$"),
    ],
)
def test_foreign_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "it.h5"
    path.write_bytes(content)
    with pytest.raises(FileProblem, match=f"it.h5 {message}"):
        Table.open(path)


def test_hdf5_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1.0]
    with pytest.raises(FileProblem, match="theirs.h5 is no file of bagbench's: expected a bagbench-table file$"):
        Table.open(path)


def test_sealed_hdf5_without_the_content_of_a_table_is_refused(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        with h5py.File(path, "w", userblock_size=BLOCK) as file:
            file["x"] = [1.0]

    write_sealed(tmp_path / "x.h5", "bagbench-table", 1, write)
    with pytest.raises(FileProblem, match="x.h5 has a valid seal but not the content of a table: "):
        Table.open(tmp_path / "x.h5")


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FileProblem, match="cannot read .*none.h5: No such file or directory; expected a bagbench-table"
    ):
        Table.open(tmp_path / "none.h5")
    with pytest.raises(FileProblem, match="cannot read .*: Is a directory; expected a bagbench-table file$"):
        Table.open(tmp_path)


def test_failed_write_leaves_the_old_file_and_nothing_else(table: Path) -> None:
    before = table.read_bytes()

    def fail(path: Path) -> None:
        path.write_bytes(b"half of it")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        write_sealed(table, "bagbench-table", 1, fail)
    assert table.read_bytes() == before
    assert list(table.parent.iterdir()) == [table]


FULL = """
import resource, signal, sys
from pathlib import Path
from bagbench.simulator.history import History
from bagbench.tables.table import Table

kind, source, out = sys.argv[1:]
what = {"table": Table.open, "race": History.load}[kind](Path(source))
what.save(Path(out))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = Path(out).stat().st_size
for limit in range(600, size, size // 7):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        what.save(Path(out))
    except OSError as error:
        print(error.strerror)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
@pytest.mark.parametrize("kind", ["table", "race"])
def test_a_full_disk_is_an_error_and_leaves_the_old_file(kind: str, tmp_path: Path, race_file: Path) -> None:
    """HDF5 crashes where a write fails, some time later: so this needs a process of its own."""
    source, out = {"table": GOLDEN, "race": race_file}[kind], tmp_path / "out.h5"
    ran = subprocess.run(
        [sys.executable, "-c", FULL, kind, str(source), str(out)], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert set(ran.stdout.splitlines()) == {"File too large"}
    assert len(ran.stdout.splitlines()) >= 7
    assert list(tmp_path.iterdir()) == [out]
    if kind == "table":
        assert len(Table.open(out, verify=True)) == len(Table.open(GOLDEN))


@pytest.fixture
def race_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    problem = get_problem("digits")
    benchmark = TableBenchmark(Table.open(GOLDEN), snap=True)
    history = simulate(benchmark, RandomSearch(problem, seed=0), budget_evaluations=300)
    path = tmp_path_factory.mktemp("race") / "race.h5"
    history.save(path)
    return path


@pytest.mark.parametrize("name", ["digits", "flowers"])
def test_a_shipped_table_is_written_again_bit_for_bit(name: str, tmp_path: Path) -> None:
    shipped = Path(bagbench.__file__).parent / "data" / f"{name}.h5"
    Table.open(shipped).save(tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == shipped.read_bytes()


INTERRUPTED = """
import _thread, sys, threading
from pathlib import Path
from bagbench.tables.table import Table

table, out = Table.open(Path(sys.argv[1])), Path(sys.argv[2])
for _ in range(12):
    timer = threading.Timer(float(sys.argv[3]), _thread.interrupt_main)
    timer.start()
    try:
        table.save(out)
    except KeyboardInterrupt:
        pass
    finally:
        timer.cancel()
    if out.exists():
        assert out.read_bytes() == Path(sys.argv[1]).read_bytes()
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.001, 0.003, 0.01, 0.03])
def test_ctrl_c_while_a_table_is_written_leaves_all_of_it_or_none(delay: float, tmp_path: Path) -> None:
    shipped, out = Path(bagbench.__file__).parent / "data" / "flowers.h5", tmp_path / "out.h5"
    command = [sys.executable, "-c", INTERRUPTED, str(shipped), str(out), str(delay)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, -signal.SIGINT), ran.stderr  # the latter between two savings
    if out.exists():
        assert out.read_bytes() == shipped.read_bytes()
