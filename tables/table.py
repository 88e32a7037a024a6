"""The table: real runs on disk, in one sealed HDF5 file whose format ``tables/README.md`` specifies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..problems.document import problem_from_json, problem_to_json
from ..problems.errors import FileProblem
from ..problems.parameters import Number, Parameter
from ..problems.problem import Losses, Problem
from ..problems.record import read_metric
from .designs import Plan
from .runs import Runs
from .sealed import BLOCK, check_seal, write_sealed

KIND, VERSION = "bagbench-table", 1
_SINGLE_PRECISION = ("train_seconds", "eval_seconds")  # the clock's own noise is far above 1e-7
_LAYOUT = ("v110", "v110")
_FILTERS = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A problem and the runs that were made of it."""

    problem: Problem
    runs: Runs
    data_set: str = ""
    """Sha256 of the data set that was trained on; empty if unknown."""
    plan: Plan | None = None
    """The design that made it; None for an imported table."""
    sha256: str = ""
    """Of the file it was read from."""

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def epochs(self) -> int:
        """Number of epochs E of every curve."""
        return self.problem.max_epochs

    def losses(self, name: str) -> Losses:
        """Give one metric of all runs, (n, E), as a loss; NaN where a run had stopped.

        Known metrics are computed from the configuration, the same at every epoch.

        Raises
        ------
        UnknownName
            If the problem records no such metric.
        """
        known = self.problem.known.get(name)
        if known is not None:
            return np.repeat(known(self.problem.space.natural(self.runs.vectors))[:, None], self.epochs, axis=1)
        return read_metric(name, self.runs.curves, self.problem)

    @classmethod
    def open(cls, path: Path | str) -> Table:
        """Read a table.

        Raises
        ------
        FileProblem
            If the file is missing, empty, foreign, truncated, altered, or of a newer version.
        """
        path = Path(path)
        digest = check_seal(path, KIND, VERSION)
        try:
            with h5py.File(path, "r") as file:
                return _read(file, digest)
        except (OSError, KeyError, ValueError) as error:
            raise FileProblem(f"{path} has a valid seal but not the content of a table: {error}") from error

    def save(self, path: Path) -> None:
        """Write the table; a reader sees the old file or the new one, never half of it."""
        write_sealed(path, KIND, VERSION, self._write)

    def _write(self, path: Path) -> None:
        # One layout of HDF5, no times and sorted names make equal tables equal files.
        with h5py.File(path, "w", userblock_size=BLOCK, libver=_LAYOUT) as file:
            file.attrs["format"], file.attrs["version"] = KIND, VERSION
            file.attrs["problem"] = problem_to_json(self.problem)
            file.attrs["data_set"] = self.data_set
            file.attrs["plan"] = "" if self.plan is None else self.plan.to_json()
            runs = self.runs
            config = file.create_group("config")
            for column, parameter in enumerate(self.problem.space.parameters):
                _put(config, parameter.name, _natural_column(parameter, runs.vectors[:, column]))
            group = file.create_group("run")
            for name in ("digests", "seeds", "status", "inclusion_probability", "started"):
                _put(group, name, getattr(runs, name))
            _put(group, "errors", _words(runs.errors))
            texts = sorted(set(runs.environments))
            _put(file, "environments", _words(texts))
            numbers = np.array([texts.index(text) for text in runs.environments], dtype=np.int64)
            _put(group, "environment", numbers)
            for name, values in sorted(runs.curves.items()):
                kind = np.float32 if name in _SINGLE_PRECISION else np.float64
                _put(file, f"curve/{name}", values.astype(kind))
            for name, counts in _static(self.problem, runs).items():
                _put(file, f"static/{name}", counts)


def _put(group: h5py.Group, name: str, values: NDArray[np.generic]) -> None:
    # In one chunk, because columns are read whole.
    filters = {} if values.dtype.hasobject or not values.size else {"chunks": values.shape, **_FILTERS}
    group.create_dataset(name, data=values, **filters)


def _words(words: Iterable[str]) -> NDArray[np.generic]:
    return np.array(list(words), dtype=h5py.string_dtype())


def _short_words(words: Iterable[str]) -> NDArray[np.generic]:
    """Lay out words of a few kinds: of one length, because such columns can be compressed."""
    encoded = [word.encode() for word in words]
    return np.array(encoded, dtype=h5py.string_dtype(length=max(1, *map(len, encoded))))


def _read(file: h5py.File, digest: str) -> Table:
    problem = problem_from_json(file.attrs["problem"])
    group, config = file["run"], file["config"]
    columns = [_numbers(parameter, config[parameter.name]) for parameter in problem.space.parameters]
    texts = file["environments"].asstr()[:]
    runs = Runs(
        vectors=np.stack(columns, axis=1),
        digests=group["digests"][:],
        seeds=group["seeds"][:],
        status=group["status"][:],
        errors=tuple(group["errors"].asstr()[:]),
        inclusion_probability=group["inclusion_probability"][:],
        started=group["started"][:],
        environments=tuple(texts[i] for i in group["environment"][:]),
        curves={name: values[:].astype(np.float64) for name, values in file["curve"].items()},
    )
    plan = file.attrs["plan"]
    return Table(
        problem=problem,
        runs=runs,
        data_set=file.attrs["data_set"],
        plan=Plan.from_json(plan) if plan else None,
        sha256=digest,
    )


def _natural_column(parameter: Parameter, numbers: NDArray[np.float64]) -> NDArray[np.generic]:
    """Natural values that a person can read: floats, with NaN where inactive; words, empty where inactive."""
    values = [None if np.isnan(x) else parameter.decode(float(x)) for x in numbers]
    if any(isinstance(value, str) for value in values):
        return _short_words("" if value is None else str(value) for value in values)
    if isinstance(parameter, Number) and parameter.integer and None not in values:
        return np.array(values, dtype=np.int64)
    if values and all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=bool)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _numbers(parameter: Parameter, dataset: h5py.Dataset) -> NDArray[np.float64]:
    """Read natural values back into the numbers of vectors, NaN where inactive."""
    if h5py.check_string_dtype(dataset.dtype) is not None:
        numbers = {str(parameter.decode(float(x))): float(x) for x in range(int(parameter.size))}
        return np.array([numbers[word] if word else np.nan for word in dataset.asstr()[:]])
    return np.array([np.nan if value != value else parameter.encode(value) for value in dataset[:].tolist()])


def _static(problem: Problem, runs: Runs) -> Mapping[str, NDArray[np.int64]]:
    """Counts behind the known objectives ``log10_<name>``, as whole numbers."""
    natural = problem.space.natural(runs.vectors)
    names = {"log10_params": "parameters", "log10_macs": "macs"}
    return {
        names[name]: np.rint(10.0 ** function(natural)).astype(np.int64)
        for name, function in sorted(problem.known.items())
        if name in names
    }
