"""Fitting a surrogate: cross-validate for the evidence and the noise, then fit on everything and write the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..tables.table import Table
from .description import Description
from .file import write_surrogate
from .noise import fit_noise
from .quality import quality_card
from .training import Examples, Recipe, grow, predict_curves, read_examples

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
    table: Table, path: Path, *, recipe: Recipe | None = None, progress: Progress | None = None
) -> Mapping[str, object]:
    """Fit a surrogate to a table, write it to ``path``, and give its quality card.

    Parameters
    ----------
    table
        Real runs; failed ones are left out.
    path
        The file to write, ``*.onnx``.
    recipe
        How forests are made; the defaults are meant for any table.
    progress
        Is told after each of ``FOLDS`` + 1 fits.
    """
    recipe, progress = recipe or Recipe(), progress or NoProgress()
    examples = read_examples(table)
    predictions = np.empty_like(examples.values)
    folds = fold_of(examples)
    for fold in range(FOLDS):
        forests = grow(examples, np.flatnonzero(folds != fold), recipe)
        held_out = np.flatnonzero(folds == fold)
        predictions[held_out] = predict_curves(forests, examples, held_out)
        progress.update(fold + 1, FOLDS + 1)
    card = quality_card(examples, predictions)
    forests = grow(examples, np.arange(len(examples)), recipe)
    progress.update(FOLDS + 1, FOLDS + 1)
    description = Description(
        problem=table.problem,
        targets=examples.targets,
        profile=examples.profile,
        noise=fit_noise(predictions[:, -1, 0], examples.values - predictions),
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
