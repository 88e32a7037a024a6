"""What a table of a million runs costs to open, to search, to go through and to fit, and a long queue to collect.

Its runs are made up. What needs memory of its own is measured in a process of its own: ``python test_table_scale.py
make PATH RUNS``, ``... pass PATH``, ``... fit PATH``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.datasets import load_data_set
from bagbench.tables import populate
from bagbench.tables.designs import Plan
from bagbench.tables.executor import InProcess
from bagbench.tables.merge import merge_journal
from bagbench.tables.runs import Entry, Runs
from bagbench.tables.table import Table
from bagbench.tables.worker import Task

RUNS = 1_000_000
QUEUED = 10_000
MIB = 2**20


def make(path: Path, runs: int) -> None:
    """Write a table of made-up runs whose numbers are as hard to compress as real ones."""
    problem, rng = get_problem("digits"), np.random.default_rng(0)
    vectors = problem.space.sample(rng, runs)
    digests = np.array(problem.space.digests(vectors), dtype="S16")
    order = np.argsort(digests, kind="stable")
    shape = (runs, problem.max_epochs)
    depth = vectors[order, problem.space.index["n_conv_l"]][:, None]
    curves = {name: rng.integers(0, 398, size=shape) / 397.0 for name in ("val_accuracy", "test_accuracy")}
    curves |= {name: rng.random(shape) * (1.0 + depth) for name in ("val_loss", "train_loss")}
    curves |= {name: rng.uniform(0.01, 0.02, size=shape) for name in ("train_seconds", "eval_seconds")}
    columns = Runs(
        vectors=vectors[order],
        digests=digests[order],
        seeds=np.zeros(runs, dtype=np.int64),
        status=np.full(runs, b"ok", dtype="S16"),
        errors=("",) * runs,
        inclusion_probability=np.ones(runs),
        started=1.7e9 + rng.random(runs),
        environments=('{"processor": "abacus"}',) * runs,
        curves=curves,
    )
    Table(problem=problem, runs=columns, data_set="0" * 64).save(path)


def go_through(path: Path) -> None:
    """Take the mean final error, piece by piece."""
    table, total = Table.open(path), 0.0
    for part in table.chunks():
        total += float(part.losses("val_error")[:, -1].sum())
    assert 49.0 < total / len(table) < 51.0


def fit(path: Path) -> None:
    """Fit small models to a tenth of the points that are usual: it is the reading whose memory is measured, not theirs.

    Runs are chosen by the digests of all, and only those are read. On the usual 1,000,000 points small models alone
    take as much memory as this whole table.
    """
    from bagbench.surrogates.fit import fit_surrogate
    from bagbench.surrogates.perceptrons import Perceptrons
    from bagbench.surrogates.training import Recipe

    whole = Recipe()
    recipe = replace(
        whole,
        teacher=replace(whole.teacher, trees=4),
        perceptrons=Perceptrons(members=1, width=4, layers=1, passes=1),
        student=replace(whole.student, steps=100),
        drawn=1_000,
        most_points=whole.most_points // 10,
    )
    fit_surrogate(Table.open(path), path.with_suffix(".onnx"), recipe=recipe)


def peak(action: str, *words: object) -> tuple[float, float]:
    """Do something in a process of its own: its seconds, and how many MiB its memory grew at most."""
    command = [sys.executable, __file__, action, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seconds, mebibytes = json.loads(done.stdout)
    return seconds, mebibytes


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("scale") / "table.h5"
    seconds, mebibytes = peak("make", path, RUNS)
    size = path.stat().st_size / MIB
    print(
        f"\n{RUNS:,} runs: {size:,.0f} MiB on the disk, written in {seconds:.0f} s with {mebibytes:,.0f} MiB of memory"
    )
    yield path
    path.unlink()


def in_memory(table: Path) -> float:
    """Give how many MiB the table's columns are in memory, from the sizes of a piece."""
    opened = Table.open(table)
    part = opened.runs.take(np.arange(1000))
    columns = (part.vectors, part.digests, part.seeds, part.status, part.started, *part.curves.values())
    return sum(column.nbytes for column in columns) / 1000 * len(opened) / MIB


def test_large_table_opens_in_under_a_second(table: Path, say: Callable[[str], None]) -> None:
    start = time.perf_counter()
    opened = Table.open(table)
    seconds = time.perf_counter() - start
    say(f"opening a table of {len(opened):,} runs: {1e3 * seconds:.1f} ms")
    assert seconds < 1.0


def test_run_is_found_by_its_digest_in_under_50_microseconds(table: Path, say: Callable[[str], None]) -> None:
    opened = Table.open(table)
    start = time.perf_counter()
    digests = opened.runs.digests
    opened.find(digests[0].decode())
    first = time.perf_counter() - start
    rows = np.random.default_rng(1).integers(len(opened), size=20_000).tolist()
    wanted = [digests[row].decode() for row in rows]
    start = time.perf_counter()
    found = [opened.find(digest) for digest in wanted]
    microseconds = (time.perf_counter() - start) / len(rows) * 1e6
    assert [row.tolist() for row in found] == [[row] for row in rows]
    say(f"finding a run in it by its digest: {microseconds:.1f} us; reading the index, once: {1e3 * first:.0f} ms")
    assert microseconds < 50.0


@pytest.mark.parametrize("action", ["pass", "fit"])
def test_large_table_is_never_in_memory_as_a_whole(action: str, table: Path, say: Callable[[str], None]) -> None:
    size = in_memory(table)
    seconds, mebibytes = peak(action, table)
    what = {"pass": "going through it", "fit": "a fit of small models to some of its runs"}[action]
    say(f"{what}: {seconds:.0f} s, {mebibytes:,.0f} MiB of memory (the whole table: {size:,.0f} MiB)")
    assert mebibytes < {"pass": 0.2, "fit": 0.4}[action] * size


@pytest.mark.parametrize("jobs", [1, QUEUED // 2])
def test_populate_adds_under_2_milliseconds_a_run(
    jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Callable[[str], None]
) -> None:
    """As many as can be are queued, or one at a time, which is as many flushes of the disk."""
    curves = {name: [0.123456789012345] * 25 for name in ("val_accuracy", "val_loss", "train_loss", "train_seconds")}

    def train(task: Task) -> Entry:
        return {
            "index": task.index,
            "digest": task.digest,
            "config": task.config,
            "seed": task.seed,
            "inclusion_probability": task.inclusion_probability,
            "status": "ok",
            "error": "",
            "started": 1.7e9,
            "environment": {"processor": "abacus"},
            "curves": curves,
        }

    monkeypatch.setattr(populate, "train_task", train)
    load_data_set("digits")
    path, plan = tmp_path / "t.h5", Plan(problem="digits")
    start = time.perf_counter()
    assert populate.collect(path, plan, range(QUEUED), executor=InProcess(), jobs=jobs) == QUEUED
    collecting = time.perf_counter() - start
    assert merge_journal(path) == QUEUED
    merging = time.perf_counter() - start - collecting
    say(
        f"`populate`'s own time, {QUEUED:,} runs, {2 * jobs:,} queued: "
        f"{1e3 * collecting / QUEUED:.2f} ms a run to collect, {1e3 * merging / QUEUED:.2f} ms to merge"
    )
    if jobs > 1:  # else it is the disk that is measured
        assert (collecting + merging) / QUEUED < 2e-3


def main() -> None:
    """Do one action; print its seconds and how many MiB the memory of this process grew at most."""
    actions: dict[str, Callable[..., Any]] = {"make": make, "pass": go_through, "fit": fit}
    action, path, *numbers = sys.argv[1:]
    if action == "fit":
        import lightgbm  # noqa: F401 - libraries are not what is measured
        import onnxruntime  # noqa: F401
        import torch  # noqa: F401
        import xgboost  # noqa: F401
    before = _most_memory()
    start = time.perf_counter()
    actions[action](Path(path), *map(int, numbers))
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, _most_memory() - before]))


def _most_memory() -> float:
    """Give how many MiB this process has held at most; `getrusage` would count what the one held that started it."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
