"""One cell of the evidence on a grid: fit to a share of it, score on the rest, remember the outcome as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import FileProblem
from ..problems.files import write_atomically
from ..problems.problem import Losses, Vectors
from ..simulator.overhead import processor_seconds, real_seconds
from ..surrogates.benchmark import SurrogateBenchmark
from ..surrogates.examples import Examples, read_examples
from ..surrogates.fit import fit_unjudged
from ..surrogates.training import Recipe
from .plain_xgboost import fit_plain_xgboost
from .public_grid import Grid, ceilings, draw, judge, judge_one_run

Cell = Mapping[str, object]
"""What `make_cell` found, as JSON has it."""

OURS, PLAIN = "bagbench", "xgboost"
"""Who is scored: the default surrogate, and the library alone."""

FORMAT, VERSION = "bagbench-grid-cell", 1
_ASKED = 2_000  # configurations at once, when batches are timed
_PASSES = 50
_PACKAGES = ("bagbench", "numpy", "scipy", "scikit-learn", "torch", "xgboost", "lightgbm", "onnxruntime", "moocore")


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """Somebody who can be asked."""

    predict: Callable[[Vectors], Losses]
    """Turns configurations (n, d) into what is predicted of them (n, m)."""
    fit_seconds: float
    """Of a processor."""
    file_bytes: int


def make_cell(grid: Grid, *, share: float, seed: int, recipe: Recipe, path: Path) -> Cell:
    """Fit both to a share of a grid, the surrogate into the file ``path``, and score them on the rest.

    Returns
    -------
    cell
        ``configurations``, ``runs`` and ``unseen`` count what was learnt from and what was scored on; ``ceilings`` are
        those of `public_grid.ceilings`, ``front_of_one_run`` is `public_grid.judge_one_run`; ``scores``, of each by its
        name, are those of `public_grid.judge` with ``fit_seconds``, ``file_bytes`` and ``batch_microseconds``, of one
        configuration in a batch; and what it was made with.
    """
    seen = draw(grid, share, seed)
    examples = read_examples(grid.table.take(grid.rows(seen)), recipe.most_points)
    fitted = {OURS: _fit_surrogate(grid, examples, recipe, path), PLAIN: _fit_plain(examples)}
    verdicts = {}
    for name, learner in fitted.items():
        verdicts[name] = {
            **judge(grid, ~seen, learner.predict(grid.vectors[~seen])),
            "fit_seconds": learner.fit_seconds,
            "file_bytes": learner.file_bytes,
            "batch_microseconds": _microseconds(learner.predict, grid.vectors[~seen][:_ASKED]),
        }
    return {
        "format": FORMAT,
        "version": VERSION,
        **_asked(share, seed, recipe),
        "problem": grid.problem.name,
        "configurations": int(seen.sum()),
        "runs": len(examples),
        "unseen": int((~seen).sum()),
        "ceilings": ceilings(grid, ~seen),
        "front_of_one_run": judge_one_run(grid, ~seen),
        "scores": verdicts,
        "versions": {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}},
    }


def save_cell(path: Path, cell: Cell) -> None:
    """Write a cell; it appears whole or not at all."""
    write_atomically(path, json.dumps(cell, indent=1) + "\n")


def load_cell(path: Path, *, share: float, seed: int, recipe: Recipe) -> Cell | None:
    """Read a cell back; None if there is none, or if it was made with another share, seed or recipe.

    Settings that recipes have got since it was made are not held against it.

    Raises
    ------
    FileProblem
        If the file is no cell.
    """
    if not path.exists():
        return None
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileProblem(
            f"{path} is not JSON ({error}): expected a {FORMAT}; remove it to have it made again"
        ) from error
    if not isinstance(cell, dict) or cell.get("format") != FORMAT or cell.get("version") != VERSION:
        raise FileProblem(f"{path} is no {FORMAT} of version {VERSION}: remove it to have it made again")
    asked = json.loads(json.dumps(_asked(share, seed, recipe)))
    asked["recipe"] = {name: value for name, value in asked["recipe"].items() if name in cell["recipe"]}
    return cell if all(cell[key] == value for key, value in asked.items()) else None


def _asked(share: float, seed: int, recipe: Recipe) -> Mapping[str, object]:
    return {"share": share, "seed": seed, "recipe": asdict(recipe)}


def _fit_surrogate(grid: Grid, examples: Examples, recipe: Recipe, path: Path) -> _Fitted:
    start = processor_seconds()
    fit_unjudged(examples, path, recipe)
    seconds = processor_seconds() - start
    benchmark = SurrogateBenchmark(path, objectives=grid.metrics)
    last = grid.problem.max_epochs
    return _Fitted(
        predict=lambda vectors: benchmark.query_batch(vectors, np.full(len(vectors), last))[0],
        fit_seconds=seconds,
        file_bytes=path.stat().st_size,
    )


def _fit_plain(examples: Examples) -> _Fitted:
    start = processor_seconds()
    forests = fit_plain_xgboost(examples)
    return _Fitted(predict=forests.predict, fit_seconds=processor_seconds() - start, file_bytes=forests.size)


def _microseconds(predict: Callable[[NDArray[np.float64]], Losses], vectors: Vectors) -> float:
    """Time a batch: the fastest of several passes, for one configuration."""
    passes = []
    for _ in range(_PASSES):
        start = real_seconds()
        predict(vectors)
        passes.append(real_seconds() - start)
    return 1e6 * min(passes) / len(vectors)
