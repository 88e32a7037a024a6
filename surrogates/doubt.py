"""Doubt: by how much the means that a surrogate predicts would differ had it learnt from other runs.

Models of the folds have each learnt from all runs but a fifth of the configurations. How far they disagree about a
configuration gives the standard deviation of the model of all runs by the grouped jackknife (Efron & Tibshirani 1993,
An Introduction to the Bootstrap, chapter 11): with K models, the root of (K - 1) / K times the sum of squared
deviations from their mean. A small forest learns it, on a logarithmic scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Vectors
from .boosting import Boosting
from .examples import Examples
from .features import Features
from .forest import Forest
from .network import Network
from .training import Recipe, draw

Array = NDArray[np.float64]

_FLOOR = 1e-6  # of the range of the first metric
_TREES = Boosting(
    model="lightgbm",
    trees=24,
    leaves=1024,
    learning_rate=0.3,
    rows_in_leaf=8,
    l2=0.0,
    row_share=1.0,
    column_share=1.0,
)
"""Big steps, and no guard against noise that is not there."""


def fit_doubt(examples: Examples, models: Sequence[Network], recipe: Recipe) -> Forest:
    """Learn how far K ``models`` disagree about the first metric at full fidelity."""
    vectors = draw(examples, np.arange(len(examples)), recipe, np.random.default_rng([recipe.seed, 2]))
    spread = disagreement(examples, models, vectors)
    last = np.full(len(vectors), examples.problem.max_epochs)
    features = Features(examples.problem).matrix(vectors, last).astype(np.float32)
    floor = _FLOOR * (float(np.ptp(examples.targets[0].backward(examples.values[:, -1, 0]))) or 1.0)
    return _TREES.fit(features, np.log(np.maximum(spread, floor)), seed=recipe.seed)


def disagreement(examples: Examples, models: Sequence[Network], vectors: Vectors) -> Array:
    """Give the jackknife's standard deviation (n,) for configurations (n, d), in units of the first metric."""
    problem, target = examples.problem, examples.targets[0]
    last = np.full(len(vectors), problem.max_epochs)
    features = Features(problem).matrix(vectors, last).astype(np.float32)
    means = np.stack([target.backward(model.predict(features)[:, 0]) for model in models])
    k = len(models)
    spread: Array = np.sqrt((k - 1) / k * ((means - means.mean(axis=0)) ** 2).sum(axis=0))
    return spread
