"""From a table to forests: the rows that are learnt from, the teacher that learns them, the student that is shipped.

The teacher is large: xgboost and lightgbm, several seeds, averaged. The student learns the teacher's predictions on
many configurations drawn from the space, where there is no noise to overfit, and so can be several times smaller and
faster at the same accuracy (Bucila, Caruana & Niculescu-Mizil 2006, "Model compression").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Problem, Vectors
from ..tables.table import Table
from .boosting import Boosting
from .features import Features
from .file import to_onnx
from .forest import Forest, average
from .serving import ServedForests
from .targets import SECONDS, Target, seconds_target, target_for

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What is learnt from: n runs over E epochs, h heads."""

    problem: Problem
    targets: tuple[Target, ...]
    vectors: Vectors
    """(n, d)"""
    digests: NDArray[np.bytes_]
    """(n,)"""
    seeds: NDArray[np.int64]
    """(n,)"""
    values: Array
    """(n, E, h) on the scale of the predictions; the last head is the same at all epochs of a run."""
    profile: Array
    """(E,) cumulative seconds in units of the mean epoch."""

    def __len__(self) -> int:
        return len(self.vectors)


def _student(*, trees: int, leaves: int) -> Boosting:
    """Settings for learning from a teacher: big steps, and no guard against noise that is not there."""
    return Boosting(
        model="lightgbm",
        trees=trees,
        leaves=leaves,
        learning_rate=0.3,
        rows_in_leaf=8,
        l2=0.0,
        row_share=1.0,
        column_share=1.0,
    )


MOST_POINTS = 1_000_000
_TUNED_EPOCHS = 25  # of the runs that the settings of teachers were chosen on


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How forests are made."""

    teacher: Boosting = field(default_factory=Boosting)
    """Its ``rows_in_leaf`` are for runs over 25 epochs; for others, so many that a leaf holds as many runs."""
    bags: int = 1
    """Teachers per library, each with another seed."""
    student: Boosting = field(default_factory=lambda: _student(trees=24, leaves=192))
    clock: Boosting = field(default_factory=lambda: _student(trees=12, leaves=32))
    """The student that predicts seconds."""
    drawn: int = 12_000
    """Configurations drawn from the space for the students."""
    most_points: int = MOST_POINTS
    """Points of learning curves to learn from at most: of a larger table that many are taken."""
    seed: int = 0


def read_examples(table: Table, most_points: int = MOST_POINTS) -> Examples:
    """Take from a table what can be learnt: whole curves of runs that did not fail.

    Of a table with more points than ``most_points`` only the runs with the smallest digests are read. Digests are
    hashes, so these are a random sample of the configurations, with their replicates; and as tables are sorted by
    digest, they lie together.

    Raises
    ------
    InvalidArgument
        If there are fewer than 20 of them.
    """
    most = max(20, most_points // table.epochs)
    if len(table) > most:
        table = table.take(np.sort(np.argsort(table.runs.digests, kind="stable")[:most]))
    problem, runs = table.problem, table.runs
    whole = np.flatnonzero(
        np.isin(runs.status, (b"ok", b"diverged")) & ~np.isnan(runs.curves["train_seconds"]).any(axis=1)
    )
    if len(whole) < 20:
        raise InvalidArgument(f"a surrogate needs at least 20 whole runs to learn from, the table has {len(whole)}")
    metrics = [m for m in problem.metrics if m.name not in problem.known and m.name != "train_seconds"]
    losses = {metric.name: table.losses(metric.name)[whole] for metric in metrics}
    targets = [target_for(metric) for metric in metrics]
    increments = runs.curves["train_seconds"][whole]
    mean = increments.mean(axis=1)
    shape = np.median(increments / mean[:, None], axis=0)
    seconds = np.repeat(np.log(mean)[:, None], table.epochs, axis=1)
    values = [target.forward(losses[target.name]) for target in targets]
    return Examples(
        problem=problem,
        targets=(*targets, seconds_target()),
        vectors=runs.vectors[whole],
        digests=runs.digests[whole],
        seeds=runs.seeds[whole],
        values=np.stack([*values, seconds], axis=2),
        profile=np.cumsum(shape / shape.mean()),
    )


def grow(examples: Examples, rows: NDArray[np.int64], recipe: Recipe) -> list[Forest]:
    """Make one forest for each head from the runs ``rows`` of ``examples``."""
    teachers = [_teach(examples, rows, head, recipe) for head in range(len(examples.targets))]
    rng = np.random.default_rng([recipe.seed, 1])
    drawn = examples.problem.space.sample(rng, recipe.drawn)
    vectors = np.concatenate([examples.vectors[rows], drawn])
    last = examples.problem.max_epochs
    # A quarter of the rows at full fidelity, where benchmarks are asked most.
    epochs = np.stack([np.full(len(vectors), last), *rng.integers(1, last + 1, (3, len(vectors)))])
    features = Features(examples.problem).matrix(np.tile(vectors, (4, 1)), epochs.ravel()).astype(np.float32)
    students = []
    for teacher, target in zip(teachers, examples.targets, strict=True):
        clock = target.name == SECONDS
        seen = features[: len(vectors)] if clock else features
        options = recipe.clock if clock else recipe.student
        students.append(options.fit(seen, predict([teacher], seen)[:, 0], seed=recipe.seed))
    return students


def predict(forests: Sequence[Forest], features: NDArray[np.float32]) -> Array:
    """Evaluate forests (n, h) as a surrogate file would."""
    named = {str(i): forest for i, forest in enumerate(forests)}
    return ServedForests(to_onnx(named, features.shape[1]), list(named), features.shape[1]).batch(features)


def predict_curves(forests: Sequence[Forest], examples: Examples, rows: NDArray[np.int64]) -> Array:
    """Predict whole curves (n, E, h) of the runs ``rows``."""
    features = _curve_features(examples, rows)
    return predict(forests, features).reshape(len(rows), -1, len(forests))


def _curve_features(examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    epochs = np.arange(1, examples.problem.max_epochs + 1)
    once = Features(examples.problem).matrix(examples.vectors[rows], np.ones(len(rows), dtype=np.int64))
    features = np.repeat(once.astype(np.float32), len(epochs), axis=0)
    features[:, -1] = np.tile(epochs, len(rows))  # the epoch is the last column
    return features


def _teach(examples: Examples, rows: NDArray[np.int64], head: int, recipe: Recipe) -> Forest:
    """Fit the teacher of one head; seconds are learnt from one row a run, the rest from one row an epoch."""
    if examples.targets[head].name == SECONDS:
        last = np.full(len(rows), examples.problem.max_epochs)
        features = Features(examples.problem).matrix(examples.vectors[rows], last).astype(np.float32)
        values = examples.values[rows, 0, head]
    else:
        features, values = _curve_features(examples, rows), examples.values[rows, :, head].ravel()
    in_leaf = recipe.teacher.rows_in_leaf * (len(values) // len(rows)) // _TUNED_EPOCHS
    teacher = replace(recipe.teacher, rows_in_leaf=max(2, in_leaf))
    return average([teacher.fit(features, values, seed=recipe.seed + bag) for bag in range(recipe.bags)])
