"""What happened in a race: one row per trial, in the order in which the trials were asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Vectors
from ..tables.file import write_hdf5
from ..tables.sealed import check_seal, write_sealed

FORMAT = "bagbench-history"
VERSION = 1
CENSORED = "censored"
"""Status of a trial that the end of the budget cut off: it has no losses and was never told."""
SCORED = ("ok", "diverged")
"""Statuses of trials that have losses."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Strings = NDArray[np.str_]

# What happened, in the order in which the digest reads it. Real time is no part of it.
_COLUMNS = {
    "digests": np.str_,
    "vectors": np.float64,
    "epochs": np.int64,
    "resume_from": np.int64,
    "seeds": np.int64,
    "losses": np.float64,
    "asked": np.float64,
    "started": np.float64,
    "finished": np.float64,
    "worker": np.int64,
    "status": np.str_,
}
_ALL_COLUMNS = {**_COLUMNS, "thinking": np.float64}
_SETTINGS = ("problem", "objectives", "workers", "budget_seconds", "budget_evaluations", "checkpointing")
_METADATA = (*_SETTINGS, "optimizer", "seed", "benchmark", "wall_seconds")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """The record of one race of ``n`` trials; arrays are read-only, times are simulated seconds since its start.

    Two histories are of the same race if their `digest` is the same.

    Raises
    ------
    InvalidArgument
        If the columns differ in length.
    """

    digests: Strings
    """(n,) names of the configurations, as `Space.digest` gives them."""
    vectors: Vectors
    """(n, d) configurations."""
    epochs: Integers
    """(n,) epochs trained in the end."""
    resume_from: Integers
    """(n,) epochs at which the trial took up an earlier one; 0: from scratch."""
    seeds: Integers
    """(n,) seeds of the evaluations."""
    losses: Losses
    """(n, m) losses, minimised, NaN where `scored` is False."""
    asked: Floats
    """(n,) when the optimizer began to think about the trial."""
    started: Floats
    """(n,) when its worker began."""
    finished: Floats
    """(n,) when it ended; the budget if it is censored."""
    worker: Integers
    """(n,) which worker ran it, from 0."""
    status: Strings
    """(n,) ``"ok"``, ``"diverged"``, ``"censored"``, or the benchmark's word for a failure."""
    thinking: Floats
    """(n,) real seconds the optimizer thought about the trial, if that was measured, else 0."""
    problem: str
    objectives: tuple[str, ...]
    optimizer: str
    seed: int | None
    """Seed of the optimizer, where it is known."""
    workers: int
    budget_seconds: float | None
    budget_evaluations: int | None
    checkpointing: bool
    benchmark: str
    """Where the answers came from, in words."""
    wall_seconds: float
    """Real seconds that the simulation took."""

    def __post_init__(self) -> None:
        for name, kind in _ALL_COLUMNS.items():
            column: NDArray[np.generic] = np.ascontiguousarray(getattr(self, name), dtype=kind)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        lengths = {name: len(getattr(self, name)) for name in _ALL_COLUMNS}
        if len(set(lengths.values())) > 1:
            raise InvalidArgument(f"the columns of a history must be equally long, got {lengths}")

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(n,) which trials have losses: neither failed nor cut off by the end of the budget."""
        return np.isin(self.status, SCORED)

    def digest(self) -> str:
        """Give the sha256 of what happened, 64 hexadecimal digits: equal for equal races, in any process.

        It covers all that is simulated, and the settings. It leaves out what may differ between two runs of one race:
        real seconds, and the names that people give to the optimizer and the benchmark.
        """
        state = sha256(_json(self, _SETTINGS).encode())
        for name in _COLUMNS:
            column = getattr(self, name)
            state.update(f"\n{name} {column.shape}\n".encode())
            state.update(_column_bytes(column))
        return state.hexdigest()

    def save(self, path: Path | str) -> None:
        """Write the history to a sealed HDF5 file (see `bagbench.tables.sealed`); nobody ever sees half of it."""
        write_sealed(Path(path), FORMAT, VERSION, self._write)

    def _write(self, path: Path) -> None:
        write_hdf5(path, self._fill)

    def _fill(self, file: h5py.File) -> None:
        file.attrs["metadata"] = _json(self, _METADATA)
        for name, kind in _ALL_COLUMNS.items():
            column = getattr(self, name)
            file[name] = column.astype(np.bytes_) if kind is np.str_ else column

    @classmethod
    def load(cls, path: Path | str) -> History:
        """Read a history back.

        Raises
        ------
        FileProblem
            If the file is missing, truncated, altered, not a history, or of a newer format.
        """
        check_seal(Path(path), FORMAT, VERSION)
        with h5py.File(path, "r") as file:
            metadata = json.loads(file.attrs["metadata"])
            columns = {name: file[name][()].astype(kind) for name, kind in _ALL_COLUMNS.items()}
        metadata["objectives"] = tuple(metadata["objectives"])
        return cls(**metadata, **columns)


def _json(history: History, names: tuple[str, ...]) -> str:
    return json.dumps({name: getattr(history, name) for name in names}, sort_keys=True)


def _column_bytes(column: Floats | Integers | Strings) -> bytes:
    if column.dtype.kind == "U":
        return "\n".join(column.tolist()).encode()
    if column.dtype.kind == "f":
        # One NaN, one zero: their spare bits carry no meaning.
        column = np.where(np.isnan(column), np.nan, np.add(column, 0.0))
    return column.astype(column.dtype.newbyteorder("<")).tobytes()
