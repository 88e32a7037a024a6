"""Fitting a surrogate: cross-validate for the evidence and the noise, then fit on everything and write the file."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, as_completed
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..tables.executor import open_executor
from ..tables.table import Table
from .calibration import calibration
from .description import Description
from .examples import Examples, read_examples
from .file import write_surrogate
from .forest import Forest
from .learning_curve import Part, learning_curve, parts
from .noise import fit_noise
from .quality import quality_card
from .regions import front_evidence, regions
from .training import Recipe, grow, predict_curves

Array = NDArray[np.float64]

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
    table: Table,
    path: Path,
    *,
    recipe: Recipe | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    tuning: Mapping[str, object] | None = None,
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
        Is told after each fit: one for each fold, some for the learning curve, one for the file.
    tuning
        How the recipe was found, if not by thinking: `Tuned.account`, for the provenance.
    """
    recipe, progress = recipe or Recipe(), progress or NoProgress()
    examples = read_examples(table, recipe.most_points)
    folds = fold_of(examples)
    forests, predictions, learnt = _learn(examples, folds, recipe, jobs, progress)
    card = {
        **quality_card(examples, predictions),
        "calibration": calibration(examples, predictions, folds),
        "regions": regions(examples, predictions),
        "front": front_evidence(examples, predictions),
        "learning_curve": learning_curve(examples, folds, predictions, learnt),
    }
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
            **({} if tuning is None else {"tuning": tuning}),
            "versions": _versions(),
        },
    )
    write_surrogate(path, description, forests)
    return card


def _learn(
    examples: Examples, folds: NDArray[np.int64], recipe: Recipe, jobs: int, progress: Progress
) -> tuple[list[Forest], Array, list[tuple[Part, Array]]]:
    """Grow all forests: those of all runs, and what the others predict (n, E, h) of their fold, and part by part."""
    smaller = parts(examples.digests, folds)
    whole = [Part(fold=fold, share=1.0, rows=np.flatnonzero(folds != fold)) for fold in range(FOLDS)]
    tasks = [*whole, *smaller]
    with open_executor(jobs) as executor:
        final = executor.submit(grow, examples, np.arange(len(examples)), recipe)
        futures = [executor.submit(_unseen, examples, folds, part, recipe) for part in tasks]
        both: list[Future[Any]] = [final, *futures]
        for done, _ in enumerate(as_completed(both), start=1):
            progress.update(done, len(tasks) + 1)
    results = [future.result() for future in futures]
    predictions = np.empty_like(examples.values)
    for part, predicted in zip(whole, results, strict=False):
        predictions[folds == part.fold] = predicted
    return final.result(), predictions, list(zip(smaller, results[FOLDS:], strict=True))


def _unseen(examples: Examples, folds: NDArray[np.int64], part: Part, recipe: Recipe) -> Array:
    """Predict the runs (k, E, h) of a part's fold by forests grown from the part."""
    held_out = np.flatnonzero(folds == part.fold)
    if not len(held_out):
        return np.empty((0, *examples.values.shape[1:]))
    return predict_curves(grow(examples, part.rows, recipe), examples, held_out)


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
