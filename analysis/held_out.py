"""Judging surrogates on configurations of which they have seen no run, without and with new runs of others.

The configurations with new runs are dealt into groups. For each group one surrogate is fitted to the base table, and
one to the base table and the new runs of the other groups; neither learns from a run of the group's configurations, and
both predict these.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses
from ..problems.progress import Progress
from ..surrogates.benchmark import SurrogateBenchmark
from ..surrogates.examples import read_examples
from ..surrogates.fit import fit_surrogate, fit_unjudged
from ..surrogates.training import Recipe
from ..tables.table import Table
from .refit_table import without
from .validation import Validation

FOLDS = 3
"""Groups; each costs a fit, and two thirds of the new runs are there to learn from."""


def deal(digests: Sequence[str], /) -> tuple[frozenset[str], ...]:
    """Deal configurations into `FOLDS` groups of about the same size, which depend on nothing but their digests."""
    order = sorted(digests)
    return tuple(frozenset(order[first::FOLDS]) for first in range(min(FOLDS, len(order))))


class Predictions(NamedTuple):
    """What surrogates say of n configurations."""

    losses: Losses
    """(n, m)"""
    seconds: NDArray[np.float64]
    """(n,)"""


class Fits:
    """Fits one surrogate after another, and counts them."""

    def __init__(self, recipe: Recipe, jobs: int, progress: Progress, objectives: Sequence[str]) -> None:
        self._recipe, self._jobs, self._progress, self._objectives = recipe, jobs, progress, objectives
        self._done = 0

    def fit(self, table: Table, path: Path) -> SurrogateBenchmark:
        """Fit a surrogate to a table, write it to ``path``, and open it."""
        fit_surrogate(table, path, recipe=self._recipe, jobs=self._jobs)
        return self._open(path)

    def fit_unjudged(self, table: Table, path: Path) -> SurrogateBenchmark:
        """Do the same for a surrogate that is asked for means only, and thrown away."""
        fit_unjudged(read_examples(table, self._recipe.most_points), path, self._recipe)
        return self._open(path)

    def _open(self, path: Path) -> SurrogateBenchmark:
        self._done += 1
        self._progress.update(self._done)
        return SurrogateBenchmark(path, objectives=self._objectives)


def judge(
    fits: Fits, base: Table, merged: Table, judged: Validation, groups: Sequence[frozenset[str]]
) -> tuple[Predictions, Predictions]:
    """Predict every judged configuration without and with the new runs, having seen no run of its group.

    Parameters
    ----------
    base, merged
        Without and with the new runs.
    judged
        The n configurations; together the ``groups`` hold all of them.

    Returns
    -------
    before, after
        Predictions of full trainings.
    """
    vectors = np.array([claim.vector for claim in judged.claims])
    epochs = np.full(len(vectors), judged.problem.max_epochs)
    before, after = (Predictions(np.empty_like(judged.losses), np.empty(len(vectors))) for _ in range(2))
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "unseeing.onnx"
        unaware = fits.fit_unjudged(base, path) if any(not _holds(base, group) for group in groups) else None
        for group in groups:
            rows = np.flatnonzero([claim.digest in group for claim in judged.claims])
            other = fits.fit_unjudged(without(base, group), path) if unaware is None or _holds(base, group) else unaware
            for predictions, surrogate in ((before, other), (after, fits.fit_unjudged(without(merged, group), path))):
                predictions.losses[rows], predictions.seconds[rows] = surrogate.query_batch(vectors[rows], epochs[rows])
    return before, after


def count_fits(base: Table, new: Table, validation: Validation) -> int:
    """Count the surrogates that `refit` fits."""
    held = set(new.runs.digests.astype(str).tolist())
    groups = deal([claim.digest for claim in validation.claims if claim.digest in held])
    touched = sum(_holds(base, group) for group in groups)
    return len(groups) + touched + (touched < len(groups)) + 1


def _holds(table: Table, digests: Collection[str]) -> bool:
    return any(len(table.find(digest)) for digest in digests)
