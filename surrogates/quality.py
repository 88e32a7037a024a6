"""The quality card: how far a surrogate can be trusted, measured on configurations that it had not seen.

Predictions are those of cross-validation with folds of configurations, never of rows: no configuration is ever in both
the runs that a forest was grown from and the runs that it is judged on. Beside each score stands the ceiling that the
noise of replicates sets: the score of somebody who knows every configuration's true mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .training import Examples

Array = NDArray[np.float64]
Scores = dict[str, float]


def quality_card(examples: Examples, predictions: Array) -> Mapping[str, object]:
    """Score held-out ``predictions`` (n, E, h) of all runs, on the scale of the metrics.

    For every metric: ``r2``, ``kendall_tau`` and ``rmse`` at full fidelity, over all epochs, and the noise ceiling
    at full fidelity. Seconds are those of a whole training.
    """
    card: dict[str, object] = {"runs": len(examples), "configurations": len(np.unique(examples.digests))}
    metrics: dict[str, Mapping[str, object]] = {}
    for head, target in enumerate(examples.targets[:-1]):
        true, predicted = target.backward(examples.values[..., head]), target.backward(predictions[..., head])
        metrics[target.name] = {
            "full_fidelity": scores(true[:, -1], predicted[:, -1]),
            "all_epochs": scores(true.ravel(), predicted.ravel()),
            "ceiling": noise_ceiling(true[:, -1], examples.digests),
        }
    whole = examples.profile[-1]
    true, predicted = np.exp(examples.values[:, 0, -1]) * whole, np.exp(predictions[:, 0, -1]) * whole
    metrics["train_seconds"] = {
        "full_fidelity": scores(true, predicted),
        "ceiling": noise_ceiling(true, examples.digests),
    }
    return {**card, "metrics": metrics}


def scores(true: Array, predicted: Array) -> Scores:
    """Coefficient of determination, Kendall's tau-b, and root mean squared error."""
    from scipy.stats import kendalltau

    error = float(np.mean((true - predicted) ** 2))
    return {
        "r2": 1.0 - error / float(np.var(true)),
        "kendall_tau": float(kendalltau(true, predicted).statistic),
        "rmse": math.sqrt(error),
    }


def noise_ceiling(true: Array, digests: NDArray[np.bytes_]) -> Scores:
    """Estimate the best possible scores from pairs of replicates of one configuration.

    The variance of noise is half the mean squared difference of a pair, so the best R2 is 1 - noise / total, and the
    best RMSE the root of the noise. Two replicates agree with Kendall's tau t; under a Gaussian copula, where
    tau = 2/pi arcsin(rho) and knowing the mean lifts rho to its root, the best tau is 2/pi arcsin(sqrt(sin(pi t / 2))).

    Returns
    -------
    ceiling
        ``r2``, ``kendall_tau``, ``rmse``, ``replicate_tau`` and ``pairs``; only ``pairs`` where there are fewer than 10.
    """
    from scipy.stats import kendalltau

    order = np.argsort(digests, kind="stable")
    first = np.flatnonzero(digests[order][:-1] == digests[order][1:])
    one, two = true[order[first]], true[order[first + 1]]
    if len(first) < 10:
        return {"pairs": float(len(first))}
    noise = float(np.mean((one - two) ** 2)) / 2.0
    agreement = float(kendalltau(np.concatenate([one, two]), np.concatenate([two, one])).statistic)
    return {
        "r2": 1.0 - noise / float(np.var(true)),
        "kendall_tau": 2.0 / math.pi * math.asin(math.sqrt(max(0.0, math.sin(math.pi / 2.0 * agreement)))),
        "rmse": math.sqrt(noise),
        "replicate_tau": agreement,
        "pairs": float(len(first)),
    }
