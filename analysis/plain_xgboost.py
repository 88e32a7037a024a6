"""Plain XGBoost with its library's defaults: what a surrogate should at least be as good as.

One forest for each head, learnt from the very features and targets that a surrogate's own trees see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import MissingExtra
from ..problems.problem import Vectors
from ..surrogates.examples import Examples
from ..surrogates.features import Features

Array = NDArray[np.float64]

ROUNDS = 100
"""Trees of ``xgboost.XGBRegressor()``; everything else is a default of ``xgboost.train``, too."""


@dataclass(frozen=True, kw_only=True)
class PlainXGBoost:
    """What was learnt."""

    examples: Examples
    boosters: tuple[Any, ...]
    """One for each head."""

    @property
    def size(self) -> int:
        """Bytes of all forests in XGBoost's own binary format."""
        return sum(len(booster.save_raw("ubj")) for booster in self.boosters)

    def predict(self, vectors: Vectors) -> Array:
        """Predict every trained metric (n, h - 1) and the seconds (n,), as one array (n, h), at full fidelity."""
        features = _features(self.examples, vectors)
        out = np.stack([booster.inplace_predict(features) for booster in self.boosters], axis=1).astype(np.float64)
        for head, target in enumerate(self.examples.targets):
            out[:, head] = replace(target, levels=()).backward(out[:, head])  # which the library knows nothing of
        out[:, -1] *= self.examples.profile[-1]
        return out


def fit_plain_xgboost(examples: Examples) -> PlainXGBoost:
    """Learn the outcomes of n runs at full fidelity, in one thread.

    Raises
    ------
    MissingExtra
        If xgboost is not installed.
    """
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtra.for_package("xgboost", "fit", "fitting") from error
    features = _features(examples, examples.vectors)
    boosters = []
    for head in range(len(examples.targets)):
        outcomes = examples.values[:, -1, head]
        known = ~np.isnan(outcomes)  # seconds on another device are not
        rows = xgboost.DMatrix(features[known], outcomes[known])
        boosters.append(xgboost.train({"nthread": 1}, rows, ROUNDS))
    return PlainXGBoost(examples=examples, boosters=tuple(boosters))


def _features(examples: Examples, vectors: Vectors) -> NDArray[np.float32]:
    epochs = np.full(len(vectors), examples.problem.max_epochs)
    return Features(examples.problem).matrix(vectors, epochs).astype(np.float32)
