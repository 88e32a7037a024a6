"""Fitting a surrogate: cross-validate for the evidence and the noise, then fit on everything and write the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Future, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.progress import SILENT, Progress
from ..tables.executor import open_executor
from ..tables.table import Table
from .calibration import calibration
from .description import Description
from .domain import fit_domain
from .doubt import fit_doubt
from .examples import Examples, read_examples
from .file import write_surrogate
from .learning_curve import Part, learning_curve, parts
from .network import Network
from .noise import fit_noise
from .quality import quality_card
from .regions import front_evidence, regions
from .targets import DOUBT
from .training import Recipe, learn, predict_curves

Array = NDArray[np.float64]

FOLDS = 5


def fit_surrogate(
    table: Table,
    path: Path,
    *,
    recipe: Recipe | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
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
        How the surrogate is made; the defaults are meant for any table.
    jobs
        Fits at once, each in a process with one thread; the outcome does not depend on it.
    progress
        Is told after each fit: one for each fold, some for the learning curve, one for the file.
    tuning
        How the recipe was found, if not by thinking: `Tuned.account`, for the provenance.

    Raises
    ------
    InvalidArgument
        If `read_examples` does, or all configurations are in one fold.
    """
    recipe = recipe or Recipe()
    examples = read_examples(table, recipe.most_points)
    folds = fold_of(examples)
    if len(np.unique(folds[examples.timed])) < 2:
        raise InvalidArgument(
            "a fit needs configurations to learn from and others to judge by: all that tell seconds are in one fold"
        )
    learnt = _learn(examples, folds, recipe, jobs, progress)
    predictions, models = learnt.predictions, learnt.models
    card = {
        **quality_card(examples, predictions),
        "calibration": calibration(examples, predictions, folds),
        "regions": regions(examples, predictions),
        "front": front_evidence(examples, predictions),
        "learning_curve": learning_curve(examples, folds, predictions, learnt.smaller),
    }
    description = Description(
        problem=table.problem,
        targets=examples.targets,
        profile=examples.profile,
        noise=fit_noise(predictions, _residuals(examples, predictions), examples.targets),
        card=card,
        provenance={
            "table_sha256": table.sha256,
            "split": f"{FOLDS} folds of configurations: fold = digest modulo {FOLDS}",
            "recipe": asdict(recipe),
            "machines": [asdict(pace) for pace in examples.paces],
            **({} if tuning is None else {"tuning": tuning}),
            "versions": _versions(),
        },
        domain=fit_domain(examples),
    )
    write_surrogate(path, description, learnt.network, {DOUBT: fit_doubt(examples, models, recipe)})
    return card


def fit_unjudged(examples: Examples, path: Path, recipe: Recipe) -> None:
    """Fit a surrogate in one process and without cross-validation, a tenth of the work, and write it to ``path``.

    Its means are those of `fit_surrogate`. There is no card, and its noise is too small: that of the runs learnt from.
    """
    everything = np.arange(len(examples))
    network = learn(examples, everything, recipe)
    predictions = predict_curves(network, examples, everything)
    description = Description(
        problem=examples.problem,
        targets=examples.targets,
        profile=examples.profile,
        noise=fit_noise(predictions, _residuals(examples, predictions), examples.targets),
        card={},
        provenance={"recipe": asdict(recipe)},
    )
    write_surrogate(path, description, network)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learnt:
    """All networks that a fit makes, or what they said."""

    network: Network
    """Of all runs."""
    models: list[Network]
    """Each of the runs outside of one fold."""
    predictions: Array
    """(n, E, h) of each run, by the model of its fold."""
    smaller: list[tuple[Part, Array]]
    """For each part for the learning curve what its network predicts (k, E, h) of its fold."""


def _learn(examples: Examples, folds: NDArray[np.int64], recipe: Recipe, jobs: int, progress: Progress) -> _Learnt:
    """Learn all runs, all but each fold, and the parts."""
    whole = [Part(fold=fold, share=1.0, rows=np.flatnonzero(folds != fold)) for fold in np.unique(folds).tolist()]
    smaller = [part for part in parts(examples.digests, folds) if examples.timed[part.rows].any()]
    with open_executor(jobs) as executor:
        final = executor.submit(learn, examples, np.arange(len(examples)), recipe)
        futures = [executor.submit(_unseen, examples, folds, part, recipe) for part in [*whole, *smaller]]
        both: list[Future[Any]] = [final, *futures]
        for done, _ in enumerate(as_completed(both), start=1):
            progress.update(done, len(both))
    models, predicted = zip(*(future.result() for future in futures), strict=True)
    predictions = np.empty_like(examples.values)
    for part, curves in zip(whole, predicted, strict=False):
        predictions[folds == part.fold] = curves
    return _Learnt(
        network=final.result(),
        models=list(models[: len(whole)]),
        predictions=predictions,
        smaller=list(zip(smaller, predicted[len(whole) :], strict=True)),
    )


def _unseen(examples: Examples, folds: NDArray[np.int64], part: Part, recipe: Recipe) -> tuple[Network, Array]:
    """Learn a part, and predict the runs (k, E, h) of its fold."""
    network = learn(examples, part.rows, recipe)
    return network, predict_curves(network, examples, np.flatnonzero(folds == part.fold))


def _residuals(examples: Examples, predictions: Array) -> Array:
    """Give outcomes less predictions (n, E, h).

    Seconds of other kinds of machine than the one that is predicted scatter no more than that one's own: what another
    machine adds is none of its noise. Runs on another device take the residual of the run that is most like them.
    """
    residuals = examples.values - predictions
    own, timed = ~np.isnan(examples.measured), examples.timed
    foreign = timed & ~own
    if foreign.any():
        ours, others = (float(np.mean(residuals[rows, -1, -1] ** 2)) for rows in (own, foreign))
        residuals[foreign, :, -1] *= math.sqrt(min(1.0, ours / others)) if others else 1.0
    if not timed.all():
        residuals[~timed, :, -1] = residuals[timed, :, -1][_nearest(predictions[:, -1, -1], timed)]
    return residuals


def _nearest(values: Array, known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find for each value (n,) that is not ``known`` (n,) the place, among those that are, of the nearest."""
    order = np.argsort(values[known], kind="stable")
    ascending = values[known][order]
    above = np.clip(np.searchsorted(ascending, values[~known]), 1, len(order) - 1)
    below = above - 1  # where only one is known, that one again
    closer = values[~known] - ascending[below] < ascending[above] - values[~known]
    return order[np.where(closer, below, above)].astype(np.int64)


def fold_of(examples: Examples) -> NDArray[np.int64]:
    """Assign each run (n,) the fold of its configuration, which depends on nothing but the digest."""
    return np.array([int(digest, 16) % FOLDS for digest in examples.digests], dtype=np.int64)


def _versions() -> Mapping[str, str]:
    versions = {}
    for package in ("bagbench", "numpy", "scikit-learn", "torch", "xgboost", "lightgbm", "onnx", "onnxruntime"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
