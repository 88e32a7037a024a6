"""Noise: one draw of what a run would score, instead of its expectation.

The library keeps residual curves of real runs: what each scored at every epoch less what a surrogate that had not
seen its configuration predicted, on the scale of the prediction, sorted into bins by the predicted final value of the
first trained metric. A draw takes one run's residuals from the bin of the configuration at hand, all epochs and metrics
together. So draws are coherent along a curve and across metrics, and as skewed or bimodal as real outcomes are. Which
run is taken is a function of (configuration digest, seed).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BINS = 24
_RUNS = 64


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A library of residuals."""

    edges: Array
    """(b - 1,) limits between bins of the predicted final value, on the scale of the prediction."""
    residuals: NDArray[np.float32]
    """(b, k, E, h) residuals of k runs for each bin, at each epoch, of each head."""

    def draw(self, predicted: float, digest: str, seed: int) -> NDArray[np.float32]:
        """Draw residuals (E, h).

        Parameters
        ----------
        predicted
            Final value of the first head, as predicted for the configuration.
        digest
            Of the configuration.
        seed
            Replicate.
        """
        runs: NDArray[np.float32] = self.residuals[bisect_left(self._edges, predicted)]
        picked: NDArray[np.float32] = runs[_number(digest, seed) % len(runs)]
        return picked

    @cached_property
    def _edges(self) -> list[float]:
        return list(map(float, self.edges))


def fit_noise(predictions: Array, residuals: Array) -> Noise:
    """Sort residuals into a library.

    Parameters
    ----------
    predictions : (n,)
        Final value of the first head for each run, predicted without having seen its configuration.
    residuals : (n, E, h)
        Of the same runs.
    """
    bins = max(1, min(_BINS, len(predictions) // _RUNS))
    edges = np.quantile(predictions, np.arange(1, bins) / bins)
    owner = np.searchsorted(edges, predictions)
    library = [residuals[owner == b][_spread(residuals[owner == b][:, -1, 0])] for b in range(bins)]
    # Predictions are kept as means: within a bin the residuals of each epoch and head are centred.
    centred = np.stack([chosen - chosen.mean(axis=0) for chosen in library])
    return Noise(edges=edges, residuals=centred.astype(np.float32))


def _spread(final: Array) -> NDArray[np.int64]:
    """Choose `_RUNS` rows that lie at evenly spaced quantiles of their final residual."""
    order = np.argsort(final, kind="stable")
    quantiles = ((np.arange(_RUNS) + 0.5) / _RUNS * len(order)).astype(np.int64)
    return np.take(order, quantiles)


def _number(digest: str, seed: int) -> int:
    return int.from_bytes(blake2b(f"{digest}/{seed}/noise".encode(), digest_size=8).digest(), "little")
