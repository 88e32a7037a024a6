"""The benchmark that answers by remembering: runs of a table, exactly as they were."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..problems.benchmark import Curve, Outcome
from ..problems.errors import InvalidArgument, NotInTable
from ..problems.parameters import Number
from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Config, Vector
from .table import Table

_STATUS = ("ok", "diverged", "failed", "missing")
_OK, _DIVERGED, _FAILED, _MISSING = range(4)
_SAME = 1e-9  # a distance that only the last digits of floats make
_REMEMBERED = 4096


class TableBenchmark:
    """The benchmark of a table.

    Parameters
    ----------
    path_or_table
        The table.
    objectives
        Names of the problem's metrics, in the order of the losses; None: the table's own choice.
    snap
        Whether to answer with the nearest stored run where the one asked for is not stored.

    Notes
    -----
    The distance of two configurations is Euclidean over their numbers in the unit cube; a different category, or a
    parameter that is active in one of them only, counts 1. Among replicates, a seed that is not stored is answered
    with number ``seed % replicates``, if ``snap`` is set.

    A failed run has the losses NaN and the status ``"failed"`` from the epoch on that it failed in, and costs what
    it had cost until then; the least floats that make a curve's seconds increase are added. The epochs behind the end
    of a run that was stopped on purpose are not stored; ``snap`` passes over such runs where there are whole ones.
    """

    def __init__(
        self, path_or_table: Path | str | Table, *, objectives: Iterable[str] | None = None, snap: bool = False
    ) -> None:
        table = path_or_table if isinstance(path_or_table, Table) else Table.open(path_or_table)
        if not len(table):
            raise InvalidArgument(f"the table of {table.problem.name!r} holds no runs: `bagbench populate` adds some")
        self._problem = table.problem if objectives is None else table.problem.with_objectives(objectives)
        self._space = self._problem.space
        self._shape = (len(self._space),)
        self._table, self._snap = table, snap
        self._codes = _codes(table)
        failed = self._codes == _FAILED
        self._losses = np.stack([table.losses(name) for name in self._problem.objective_names], axis=-1)
        self._losses[failed] = np.nan
        self._seconds = _cumulative(table.runs.curves["train_seconds"])
        self._losses.flags.writeable = self._seconds.flags.writeable = False
        self._rows: dict[bytes, dict[int, int]] = {}
        """Bytes of a stored vector -> seed -> row, by rising seed."""
        for row in _answering(self._codes, table.runs.seeds, snap=snap).tolist():
            self._rows.setdefault(table.runs.vectors[row].tobytes(), {})[int(table.runs.seeds[row])] = row
        self._keys = list(self._rows)
        self._stored = np.frombuffer(b"".join(self._keys)).reshape(-1, len(self._space))
        self._is_choice = np.array([not isinstance(parameter, Number) for parameter in self._space.parameters])
        self._found: dict[bytes, dict[int, int]] = {}
        """The same for vectors that were looked for: a memory that changes no answer."""

    @property
    def problem(self) -> Problem:
        """The problem, with the objectives that the answers are given in."""
        return self._problem

    def curve(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Curve:
        """Answer with a stored learning curve; see `Benchmark.curve`.

        Raises
        ------
        NotInTable
            If the configuration, or this replicate or epoch of it, is not stored.
        """
        epochs = self._problem.check_epochs(epochs)
        row = self._row(self._key(config), seed)
        code = self._check_stored(row, epochs)
        return Curve(seconds=self._seconds[row, :epochs], losses=self._losses[row, :epochs], status=_STATUS[code])

    def query(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        """Answer with the last point of `curve`; raises what it raises."""
        epochs = self._problem.check_epochs(epochs)
        row = self._row(self._key(config), seed)
        code = self._check_stored(row, epochs)
        return Outcome(self._losses[row, epochs - 1], float(self._seconds[row, epochs - 1]), _STATUS[code])

    def query_batch(
        self, vectors: Vectors, epochs: NDArray[np.int64], seeds: NDArray[np.int64] | None = None
    ) -> tuple[Losses, NDArray[np.float64]]:
        """Answer many queries at once; see `Benchmark.query_batch`, and `curve` for what it raises."""
        replicates = np.zeros(len(vectors), dtype=np.int64) if seeds is None else seeds
        rows = np.empty(len(vectors), dtype=np.int64)
        lasts = np.empty(len(vectors), dtype=np.int64)
        for i, (vector, epoch, seed) in enumerate(zip(vectors, epochs.tolist(), replicates.tolist(), strict=True)):
            last = self._problem.check_epochs(epoch)
            row = self._row(self._key(vector), seed)
            self._check_stored(row, last)
            rows[i], lasts[i] = row, last - 1
        return self._losses[rows, lasts], self._seconds[rows, lasts]

    def _key(self, config: Config) -> bytes:
        if isinstance(config, np.ndarray) and config.shape == self._shape and config.dtype == np.float64:
            return config.tobytes()  # `_search` checks what is not stored
        return self._space.vector(config).tobytes()

    def _row(self, key: bytes, seed: int) -> int:
        replicates = self._rows.get(key)
        if replicates is None:
            replicates = self._found.get(key)
            if replicates is None:
                replicates = self._search(key)
        row = replicates.get(seed)
        if row is not None:
            return row
        if not self._snap:
            stored = ", ".join(map(str, replicates))
            raise NotInTable(
                f"replicate {seed} of this configuration is not in the table: expected seed {stored}; "
                "TableBenchmark(..., snap=True) answers with one of these"
            )
        return list(replicates.values())[seed % len(replicates)]

    def _check_stored(self, row: int, epochs: int) -> int:
        """Give the code of a run's status after ``epochs`` epochs, which must be stored."""
        code = int(self._codes[row, epochs - 1])
        if code == _MISSING:
            stored = int(np.argmax(self._codes[row] == _MISSING))
            raise NotInTable(
                f"epoch {epochs} of this run is not in the table, it was stopped after {stored}: "
                f"expected epochs up to {stored}"
            )
        return code

    def _search(self, key: bytes) -> dict[int, int]:
        """Find the runs of the configuration nearest to the vector with these bytes, once."""
        vector = np.frombuffer(key)
        self._space.check(vector[None])
        distances = self._distances(vector)
        nearest = int(np.argmin(distances))
        replicates = self._rows[self._keys[nearest]]
        if distances[nearest] > _SAME and not self._snap:
            values = self._space.decode(np.frombuffer(self._keys[nearest]))
            raise NotInTable(
                "this configuration is not in the table; the nearest that is, at distance "
                f"{distances[nearest]:.3g}, is {values}: ask for that one, or write TableBenchmark(..., snap=True) to "
                "be answered with the nearest"
            )
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[key] = replicates
        return replicates

    def _distances(self, vector: Vector) -> NDArray[np.float64]:
        """Give the distance (k,) of every stored configuration from ``vector`` (d,); see the class."""
        stored, idle, idle_here = self._stored, np.isnan(self._stored), np.isnan(vector)
        apart = np.where(self._is_choice, stored != vector, np.abs(stored - vector))
        apart = np.where(idle | idle_here, idle != idle_here, apart)
        distances: NDArray[np.float64] = np.sqrt(np.sum(apart**2, axis=1))
        return distances


def _answering(codes: NDArray[np.int8], seeds: NDArray[np.int64], *, snap: bool) -> NDArray[np.intp]:
    """Give the rows that answer, by rising seed."""
    order = np.argsort(seeds, kind="stable")
    whole = order[codes[order, -1] != _MISSING]
    return whole if snap and len(whole) else order


def _codes(table: Table) -> NDArray[np.int8]:
    """Say in what state each run is after each epoch, (n, E): a position in `_STATUS`.

    A run is in order until the epoch in which a loss stopped being finite. A failed one has failed from the first epoch
    on that lacks a quantity.
    """
    curves = table.runs.curves
    there = ~np.isnan(curves["train_seconds"])
    losses = [curves[name] for name in ("train_loss", "val_loss") if name in curves]
    finite = np.logical_and.accumulate(np.isfinite(losses).all(axis=0), axis=1) if losses else there
    failed = np.isin(table.runs.status, (b"failed", b"out_of_memory"))
    codes = np.where(there, np.where(finite, _OK, _DIVERGED), _MISSING).astype(np.int8)
    lacking = np.any([np.isnan(values[failed]) for values in curves.values()], axis=0)
    codes[failed] = np.where(np.logical_or.accumulate(lacking, axis=1), _FAILED, codes[failed])
    return codes


def _cumulative(increments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the seconds of epochs (n, E), and go on by the least possible steps where a run had ended."""
    seconds = np.cumsum(increments, axis=1)
    for epoch in range(seconds.shape[1]):
        before = seconds[:, epoch - 1] if epoch else np.zeros(len(seconds))
        seconds[:, epoch] = np.where(np.isnan(seconds[:, epoch]), np.nextafter(before, np.inf), seconds[:, epoch])
    return seconds
