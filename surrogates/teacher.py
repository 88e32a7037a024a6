"""The teacher: what can be learnt of a table by models that need not be small or fast.

Of every metric's curve it knows the mean at any epoch. Trees (xgboost and lightgbm) learn means directly; perceptrons
learn by how much outcomes exceed a dozen thresholds, of all metrics at once at a dozen epochs, and so see both modes
of what either learns or collapses (see `distribution`). The two are averaged: one has steps where the other is smooth.
A metric of which replicates agree (a size, say) is left to trees that are shown all of it. Seconds are learnt from one
row a run, by both. Of small tables Gaussian processes know as much as both together, and count nearly as much (see
`kriging`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Problem, Vectors
from .boosting import Boosting
from .ceiling import noise_share
from .distribution import Thresholds
from .examples import Examples
from .features import Features
from .file import to_onnx
from .forest import Forest
from .kriging import Kriging
from .perceptrons import Model, Perceptrons
from .serving import Served
from .targets import SECONDS, Target

Array = NDArray[np.float64]
Epochs = NDArray[np.int64]

_TUNED_EPOCHS = 25  # of the runs that the settings of trees were chosen on
_MANY_RUNS = 10_000  # twice as many trees, and as large, are better from about here
_KNOTS = 24
_EXACT = 0.9999  # of a metric's variance that replicates share

TREES_SHARE = 1 / 10
"""Of the trees in the average; perceptrons have the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """What was learnt of some runs."""

    problem: Problem
    targets: Sequence[Target]
    """(h,)"""
    trees: Sequence[Forest]
    """One for each head."""
    knots: Epochs
    """(k,) epochs that perceptrons know; between them means are interpolated."""
    thresholds: Thresholds
    """Of every metric at every knot."""
    classifier: Model
    clock: Model
    trees_shares: Sequence[float]
    """(h,) of the trees in the average of trees and perceptrons."""
    kriged: Sequence[Model | None]
    """For each head its means at the knots; None where replicates agree or runs are too many."""
    kriging_shares: Sequence[float]
    """(h,) of the kriged in the average of all."""

    def means(self, vectors: Vectors, epochs: Epochs) -> Array:
        """Give the means (r, n, h) of configurations (n, d) at epochs (r, n), on the scale of predictions."""
        rich = Features(self.problem).rich(vectors)
        rows = np.column_stack([np.tile(rich, (len(epochs), 1)), epochs.ravel()]).astype(np.float32)
        out = predict(self.trees, rows).reshape(*epochs.shape, -1)
        curves = self.thresholds.expectations(self.classifier(rich)).reshape(len(vectors), len(self.knots), -1)
        for head, target in enumerate(self.targets):
            if target.name == SECONDS:
                smooth = np.broadcast_to(self.clock(rich), epochs.shape)
            else:
                smooth = self._between_knots(curves[:, :, head], epochs)
            trees = self.trees_shares[head]
            mixed = trees * target.to_average(out[..., head]) + (1 - trees) * smooth
            krige = self.kriged[head]
            if krige is not None:
                kriged = target.within(self._between_knots(krige(rich), epochs))
                share = self.kriging_shares[head]
                mixed = (1 - share) * mixed + share * kriged
            out[..., head] = target.from_average(mixed)
        return out

    def _between_knots(self, curves: Array, epochs: Epochs) -> Array:
        """Interpolate curves (n, k) at epochs (r, n)."""
        knots, each = self.knots, np.arange(len(curves))
        below = np.clip(np.searchsorted(knots, epochs, side="right") - 1, 0, max(0, len(knots) - 2))
        above = np.minimum(below + 1, len(knots) - 1)
        share = (epochs - knots[below]) / np.maximum(knots[above] - knots[below], 1)
        between: Array = (1 - share) * curves[each, below] + share * curves[each, above]
        return between


def teach(
    examples: Examples,
    rows: NDArray[np.int64],
    trees: Boosting,
    perceptrons: Perceptrons,
    kriging: Kriging,
    seed: int,
    *,
    trees_share: float = TREES_SHARE,
) -> Teacher:
    """Learn the runs ``rows`` of ``examples``."""
    heads = range(len(examples.targets))
    metrics = [head for head in heads if examples.targets[head].name != SECONDS]
    knots = np.unique(np.geomspace(1, examples.problem.max_epochs, _KNOTS).round().astype(np.int64))
    outcomes = np.stack(
        [examples.targets[head].to_average(examples.values[rows][:, knots - 1, head]) for head in metrics], axis=2
    ).reshape(len(rows), -1)
    rich = Features(examples.problem).rich(examples.vectors)
    thresholds, timed = Thresholds.of(outcomes), rows[examples.timed[rows]]
    known = [rows if head in metrics else timed for head in heads]
    shares = [kriging.share_of(len(known[head])) for head in heads]
    exact = [_is_exact(examples, known[head], head) for head in heads]

    def krige(head: int) -> Model | None:
        if exact[head] or not shares[head]:
            return None
        curves = examples.targets[head].to_average(examples.values[known[head]][:, knots - 1, head])
        return kriging.regress(rich[known[head]], curves, seed=seed)

    return Teacher(
        problem=examples.problem,
        targets=examples.targets,
        trees=[_grow(examples, known[head], head, _for_exact(trees) if exact[head] else trees, seed) for head in heads],
        knots=knots,
        thresholds=thresholds,
        classifier=perceptrons.classify(rich[rows], thresholds.exceeded(outcomes), seed=seed),
        clock=for_seconds(perceptrons).regress(
            rich[timed], examples.values[timed, 0, -1], weights=examples.seconds_weights[timed], seed=seed
        ),
        trees_shares=[1.0 if each else trees_share for each in exact],
        kriged=[krige(head) for head in heads],
        kriging_shares=shares,
    )


def for_seconds(perceptrons: Perceptrons) -> Perceptrons:
    """Make them simpler, and hold them back less: seconds are nearly a product of powers, and have little noise."""
    return replace(perceptrons, layers=min(2, perceptrons.layers), decay=perceptrons.decay / 3, dropout=0.0)


def _for_exact(trees: Boosting) -> Boosting:
    """Show every tree all rows and columns: to leave some out is good against noise alone."""
    return replace(trees, row_share=1.0, column_share=1.0)


def _is_exact(examples: Examples, rows: NDArray[np.int64], head: int) -> bool:
    """Tell whether replicates agree: then there is no distribution to learn, and classes would only be coarse."""
    drawn = rows[examples.drawn[rows]]
    noise = noise_share(examples.values[drawn, -1, head], examples.digests[drawn])
    return noise is not None and 1.0 - noise > _EXACT


def predict(forests: Sequence[Forest], features: NDArray[np.float32]) -> Array:
    """Evaluate forests (n, h) as a surrogate file would."""
    named = {str(i): forest for i, forest in enumerate(forests)}
    return Served(to_onnx(named, features.shape[1]), list(named), features.shape[1]).batch(features)


def _grow(examples: Examples, rows: NDArray[np.int64], head: int, trees: Boosting, seed: int) -> Forest:
    """Grow the trees of one head; those of seconds from one row a run, the rest from one row an epoch."""
    rich = Features(examples.problem).rich(examples.vectors[rows]).astype(np.float32)
    last = examples.problem.max_epochs
    epochs = [last] if examples.targets[head].name == SECONDS else range(1, last + 1)
    features = np.repeat(rich, len(epochs), axis=0)
    features = np.column_stack([features, np.tile(np.array(epochs, dtype=np.float32), len(rows))])
    values = examples.values[rows][:, [epoch - 1 for epoch in epochs], head].ravel()
    in_leaf = trees.rows_in_leaf * len(epochs) // _TUNED_EPOCHS
    more = 2 if len(rows) >= _MANY_RUNS else 1
    suited = replace(trees, rows_in_leaf=max(2, in_leaf), trees=more * trees.trees, leaves=more * trees.leaves)
    weights = examples.seconds_weights[rows] if examples.targets[head].name == SECONDS else None
    return suited.fit(features, values, weights=weights, seed=seed)
