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
from .examples import Examples
from .features import Features
from .forest import Forest
from .teacher import predict
from .training import Recipe, draw

Array = NDArray[np.float64]

_FLOOR = 1e-6  # of the range of the first metric


def fit_doubt(examples: Examples, models: Sequence[Sequence[Forest]], recipe: Recipe) -> Forest:
    """Learn how far K ``models``, lists of forests by head, disagree about the first metric at full fidelity."""
    vectors = draw(examples, np.arange(len(examples)), recipe, np.random.default_rng([recipe.seed, 2]))
    spread = disagreement(examples, models, vectors)
    last = np.full(len(vectors), examples.problem.max_epochs)
    features = Features(examples.problem).matrix(vectors, last).astype(np.float32)
    floor = _FLOOR * (float(np.ptp(examples.targets[0].backward(examples.values[:, -1, 0]))) or 1.0)
    return recipe.clock.fit(features, np.log(np.maximum(spread, floor)), seed=recipe.seed)


def disagreement(examples: Examples, models: Sequence[Sequence[Forest]], vectors: Vectors) -> Array:
    """Give the jackknife's standard deviation (n,) for configurations (n, d), in units of the first metric."""
    problem, target = examples.problem, examples.targets[0]
    last = np.full(len(vectors), problem.max_epochs)
    features = Features(problem).matrix(vectors, last).astype(np.float32)
    means = np.stack([target.backward(predict(forests[:1], features)[:, 0]) for forests in models])
    k = len(models)
    spread: Array = np.sqrt((k - 1) / k * ((means - means.mean(axis=0)) ** 2).sum(axis=0))
    return spread
