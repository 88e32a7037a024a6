"""Fitting a surrogate: cross-validate for the evidence and the noise, then fit on everything and write the file."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import as_completed
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..tables.executor import open_executor
from ..tables.table import Table
from .calibration import calibration
from .description import Description
from .examples import Examples, read_examples
from .file import write_surrogate
from .noise import fit_noise
from .quality import quality_card
from .training import Recipe, grow, predict_curves

FOLDS = 5


class Progress(Protocol):
    """Is told which of how many forests has been grown."""

    def update(self, done: int, total: int) -> None:
        """``done`` of ``total`` steps are done."""


class NoProgress:
    """Tells nobody."""

    def update(self, done: int, total: int) -> None:
        """Do nothing."""


def fit_surrogate(
    table: Table, path: Path, *, recipe: Recipe | None = None, jobs: int = 1, progress: Progress | None = None
) -> Mapping[str, object]:
    """Fit a surrogate to a table, write it to ``path``, and give its quality card.

    Parameters
    ----------
    table
        Real runs; failed ones are left out, and of a very large table a sample is taken, see `read_examples`.
    path
        The file to write, ``*.onnx``.
    recipe
        How forests are made; the defaults are meant for any table.
    jobs
        Fits at once, each in a process with one thread; the outcome does not depend on it.
    progress
        Is told after each of ``FOLDS`` + 1 fits.
    """
    recipe, progress = recipe or Recipe(), progress or NoProgress()
    examples = read_examples(table, recipe.most_points)
    folds = fold_of(examples)
    everything = np.arange(len(examples))
    parts = [*(np.flatnonzero(folds != fold) for fold in range(FOLDS)), everything]
    with open_executor(jobs) as executor:
        futures = [executor.submit(grow, examples, part, recipe) for part in parts]
        for done, _ in enumerate(as_completed(futures), start=1):
            progress.update(done, len(parts))
    *judged, forests = (future.result() for future in futures)
    predictions = np.empty_like(examples.values)
    for fold, unseeing in enumerate(judged):
        held_out = np.flatnonzero(folds == fold)
        if len(held_out):
            predictions[held_out] = predict_curves(unseeing, examples, held_out)
    card = {**quality_card(examples, predictions), "calibration": calibration(examples, predictions, folds)}
    description = Description(
        problem=table.problem,
        targets=examples.targets,
        profile=examples.profile,
        noise=fit_noise(predictions, examples.values - predictions, examples.targets),
        card=card,
        provenance={
            "table_sha256": table.sha256,
            "split": f"{FOLDS} folds of configurations: fold = digest modulo {FOLDS}",
            "recipe": asdict(recipe),
            "versions": _versions(),
        },
    )
    write_surrogate(path, description, forests)
    return card


def fold_of(examples: Examples) -> NDArray[np.int64]:
    """Assign each run (n,) the fold of its configuration, which depends on nothing but the digest."""
    return np.array([int(digest, 16) % FOLDS for digest in examples.digests], dtype=np.int64)


def _versions() -> Mapping[str, str]:
    versions = {}
    for package in ("bagbench", "numpy", "xgboost", "lightgbm", "onnx", "onnxruntime"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
