"""Runs in memory, as columns: what a table file holds, and what journals are merged into."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..problems.parameters import Value
from ..problems.problem import Problem, Vectors


class Entry(TypedDict):
    """One finished run as journals hold it, in JSON; ``tables/README.md`` says what each entry means."""

    index: int
    digest: str
    config: Mapping[str, Value]
    seed: int
    inclusion_probability: float
    status: str
    error: str
    started: float
    environment: Mapping[str, str]
    curves: Mapping[str, Sequence[float]]


Rows = NDArray[np.int64]
"""(k,) positions of runs."""


class RunColumns(Protocol):
    """Columns of n runs over E epochs, be they in memory (`Runs`) or on the disk; the arrays are read-only."""

    @property
    def vectors(self) -> Vectors:
        """Configurations, (n, d)."""

    @property
    def digests(self) -> NDArray[np.bytes_]:
        """Digests of the configurations, (n,), 16 ASCII bytes each."""

    @property
    def seeds(self) -> NDArray[np.int64]:
        """Replicates, (n,); (digest, seed) is unique."""

    @property
    def status(self) -> NDArray[np.bytes_]:
        """``ok``, ``diverged``, ``failed`` or ``out_of_memory``, (n,), in ASCII."""

    @property
    def errors(self) -> Sequence[str]:
        """What went wrong, (n,), empty where nothing did."""

    @property
    def inclusion_probability(self) -> NDArray[np.float64]:
        """Probability with which the design accepted the configuration once drawn, (n,)."""

    @property
    def started(self) -> NDArray[np.float64]:
        """Start of the run, (n,), in seconds since 1970."""

    @property
    def environments(self) -> Sequence[str]:
        """JSON texts, (n,): versions, device, processor, threads."""

    @property
    def curves(self) -> Mapping[str, NDArray[np.float64]]:
        """Curves (n, E) by name, NaN behind the last epoch of a run."""

    def __len__(self) -> int:
        """Count the runs."""

    def take(self, rows: Rows) -> Runs:
        """Select rows, in the order given, into memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs in memory; see `RunColumns`."""

    vectors: Vectors
    digests: NDArray[np.bytes_]
    seeds: NDArray[np.int64]
    status: NDArray[np.bytes_]
    errors: Sequence[str]
    inclusion_probability: NDArray[np.float64]
    started: NDArray[np.float64]
    environments: Sequence[str]
    curves: Mapping[str, NDArray[np.float64]]

    def __post_init__(self) -> None:
        columns = (self.vectors, self.digests, self.seeds, self.status, self.inclusion_probability, self.started)
        for values in (*columns, *self.curves.values()):
            values.flags.writeable = False

    def __len__(self) -> int:
        return len(self.seeds)

    def take(self, rows: Rows) -> Runs:
        """Select rows, in the order given, into memory."""
        return Runs(
            vectors=self.vectors[rows],
            digests=self.digests[rows],
            seeds=self.seeds[rows],
            status=self.status[rows],
            errors=tuple(self.errors[row] for row in rows),
            inclusion_probability=self.inclusion_probability[rows],
            started=self.started[rows],
            environments=tuple(self.environments[row] for row in rows),
            curves={name: values[rows] for name, values in self.curves.items()},
        )


def runs_from_entries(entries: Iterable[Entry], problem: Problem) -> Runs:
    """Turn journal entries into columns; curves that stopped early are padded with NaN."""
    listed = list(entries)
    names = sorted({name for entry in listed for name in entry["curves"]})
    curves = {name: np.full((len(listed), problem.max_epochs), np.nan) for name in names}
    for row, entry in enumerate(listed):
        for name, values in entry["curves"].items():
            curves[name][row, : len(values)] = values
    vectors = np.array([problem.space.encode_row(entry["config"]) for entry in listed])
    return Runs(
        vectors=vectors.reshape(-1, len(problem.space)),
        digests=np.array([entry["digest"] for entry in listed], dtype="S16"),
        seeds=np.array([entry["seed"] for entry in listed], dtype=np.int64),
        status=np.array([entry["status"] for entry in listed], dtype="S16"),
        errors=tuple(entry["error"] for entry in listed),
        inclusion_probability=np.array([entry["inclusion_probability"] for entry in listed], dtype=float),
        started=np.array([entry["started"] for entry in listed], dtype=float),
        environments=tuple(json.dumps(entry["environment"], sort_keys=True) for entry in listed),
        curves=curves,
    )


def merge_runs(first: RunColumns, second: RunColumns) -> Runs:
    """Put runs together, sorted by digest and seed; of a run that was made twice, the one that started first stays.

    So the outcome does not depend on the order in which runs are merged.
    """
    names = sorted({*first.curves, *second.curves})
    both = Runs(
        vectors=np.concatenate([first.vectors, second.vectors]),
        digests=np.concatenate([first.digests, second.digests]),
        seeds=np.concatenate([first.seeds, second.seeds]),
        status=np.concatenate([first.status, second.status]),
        errors=(*first.errors, *second.errors),
        inclusion_probability=np.concatenate([first.inclusion_probability, second.inclusion_probability]),
        started=np.concatenate([first.started, second.started]),
        environments=(*first.environments, *second.environments),
        curves={name: np.concatenate([_column(first, name, second), _column(second, name, first)]) for name in names},
    )
    order = np.lexsort((both.started, both.seeds, both.digests))
    same = (both.digests[order][1:] == both.digests[order][:-1]) & (both.seeds[order][1:] == both.seeds[order][:-1])
    return both.take(order[np.concatenate([[True], ~same])] if len(both) else order)


def _column(runs: RunColumns, name: str, other: RunColumns) -> NDArray[np.float64]:
    """Give a curve, or NaN of the right shape where only the other runs have it."""
    if name in runs.curves:
        return runs.curves[name]
    return np.full((len(runs), other.curves[name].shape[1]), np.nan)
