"""The table: real runs on disk, in one sealed HDF5 file whose format ``tables/README.md`` specifies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..problems.document import problem_to_json
from ..problems.errors import FileProblem
from ..problems.problem import Losses, Problem
from ..problems.record import read_metric
from .designs import Plan
from .file import CHUNK, StoredRuns, write_columns
from .runs import Rows, RunColumns
from .sealed import check_content, read_seal, write_sealed

KIND, VERSION = "bagbench-table", 1
_SMALL = 1 << 26
"""Bytes of a file that is compared with its seal whenever it is opened: a twentieth of a second."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A problem and the runs that were made of it."""

    problem: Problem
    runs: RunColumns
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

    def find(self, digest: str) -> Rows:
        """Give the rows of a configuration's runs by its digest, see `Space.digest`; none if it has no runs."""
        digests, rows = self._index
        key = np.array(digest.encode(), dtype=digests.dtype)
        first, behind = int(digests.searchsorted(key)), int(digests.searchsorted(key, side="right"))
        return np.arange(first, behind) if rows is None else rows[first:behind]

    def take(self, rows: Rows) -> Table:
        """Give the table of some of the runs, read into memory, in the order given."""
        return replace(self, runs=self.runs.take(rows))

    def chunks(self, rows: int = CHUNK) -> Iterator[Table]:
        """Go through the table in pieces of so many rows, of which only one need be in memory."""
        for start in range(0, len(self), rows):
            yield self.take(np.arange(start, min(start + rows, len(self))))

    @cached_property
    def _index(self) -> tuple[NDArray[np.bytes_], Rows | None]:
        """All digests in order, and their rows, unless these are in the same order."""
        digests = self.runs.digests
        if (digests[:-1] <= digests[1:]).all():
            return digests, None
        rows = np.argsort(digests, kind="stable")
        return digests[rows], rows

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = False) -> Table:
        """Open a table; what is asked of it is read then.

        Parameters
        ----------
        path
            The file.
        verify
            Whether to compare the whole file with its seal now. Large files are otherwise checked piece by piece as
            they are read, against HDF5's own checksums.

        Raises
        ------
        FileProblem
            If the file is missing, empty, foreign, truncated, altered, or of a newer version.
        """
        path = Path(path)
        seal = read_seal(path, KIND, VERSION)
        checked = verify or seal.length <= _SMALL
        if checked:
            check_content(path, seal)
        try:
            runs = StoredRuns(path)
            checked = checked or runs.is_checked
        except FileProblem:
            check_content(path, seal)  # if it was altered, that is what to say
            raise
        if not checked:
            check_content(path, seal)
        plan = runs.text("plan")
        return cls(
            problem=runs.problem,
            runs=runs,
            data_set=runs.text("data_set"),
            plan=Plan.from_json(plan) if plan else None,
            sha256=seal.sha256,
        )

    def save(self, path: Path) -> None:
        """Write the table; a reader sees the old file or the new one, never half of it."""
        texts = {
            "format": KIND,
            "problem": problem_to_json(self.problem),
            "data_set": self.data_set,
            "plan": "" if self.plan is None else self.plan.to_json(),
        }
        static = _static(self.problem, self.runs)
        write = partial(
            write_columns, texts=texts, version=VERSION, space=self.problem.space, runs=self.runs, static=static
        )
        write_sealed(path, KIND, VERSION, write)


def _static(problem: Problem, runs: RunColumns) -> Mapping[str, NDArray[np.int64]]:
    """Counts behind the known objectives ``log10_<name>``, as whole numbers."""
    natural = problem.space.natural(runs.vectors)
    names = {"log10_params": "parameters", "log10_macs": "macs"}
    return {
        names[name]: np.rint(10.0 ** function(natural)).astype(np.int64)
        for name, function in sorted(problem.known.items())
        if name in names
    }
