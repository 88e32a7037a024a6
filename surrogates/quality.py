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

from .examples import Examples
from .targets import SECONDS

Array = NDArray[np.float64]
Scores = dict[str, float | None]


def quality_card(examples: Examples, predictions: Array) -> Mapping[str, object]:
    """Score held-out ``predictions`` (n, E, h) of all runs, on the scale of the metrics.

    For every metric: ``r2``, ``kendall_tau`` and ``rmse`` at full fidelity, over all epochs, and the noise ceiling
    at full fidelity; for metrics with a long tail also on a log scale, where the tail does not rule. Seconds are those
    of a whole training.
    """
    metrics: dict[str, Mapping[str, object]] = {}
    whole = math.log(examples.profile[-1])
    for head, target in enumerate(examples.targets):
        true, predicted = examples.values[..., head], predictions[..., head]
        name = target.name
        if name == SECONDS:  # the same at every epoch: of a whole training
            name, true, predicted = "train_seconds", true[:, -1:] + whole, predicted[:, -1:] + whole
        section = _judge(target.backward(true), target.backward(predicted), examples.digests)
        metrics[name] = section
        if target.scale == "log":
            metrics[name] = {**section, "log_scale": _judge(true, predicted, examples.digests)}
    return {"runs": len(examples), "configurations": len(np.unique(examples.digests)), "metrics": metrics}


def _judge(true: Array, predicted: Array, digests: NDArray[np.bytes_]) -> Mapping[str, object]:
    """Score one metric's curves (n, E)."""
    section = {"full_fidelity": scores(true[:, -1], predicted[:, -1]), "ceiling": noise_ceiling(true[:, -1], digests)}
    return section if true.shape[1] == 1 else {**section, "all_epochs": scores(true.ravel(), predicted.ravel())}


def scores(true: Array, predicted: Array) -> Scores:
    """Coefficient of determination, Kendall's tau-b, and root mean squared error; None where a constant has none."""
    from scipy.stats import kendalltau

    error, total = float(np.mean((true - predicted) ** 2)), float(np.var(true))
    tau = float(kendalltau(true, predicted).statistic)
    return {
        "r2": 1.0 - error / total if total else None,
        "kendall_tau": tau if math.isfinite(tau) else None,
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
        ``r2``, ``kendall_tau``, ``rmse``, ``replicate_tau`` and ``pairs``; below 10 pairs, ``pairs`` alone.
    """
    from scipy.stats import kendalltau

    order = np.argsort(digests, kind="stable")
    first = np.flatnonzero(digests[order][:-1] == digests[order][1:])
    one, two = true[order[first]], true[order[first + 1]]
    if len(first) < 10:
        return {"pairs": float(len(first))}
    noise, total = float(np.mean((one - two) ** 2)) / 2.0, float(np.var(true))
    agreement = float(kendalltau(np.concatenate([one, two]), np.concatenate([two, one])).statistic)
    if not total:
        return {"pairs": float(len(first)), "rmse": math.sqrt(noise), "r2": None, "kendall_tau": None}
    return {
        "r2": 1.0 - noise / total,
        "kendall_tau": 2.0 / math.pi * math.asin(math.sqrt(max(0.0, math.sin(math.pi / 2.0 * agreement)))),
        "rmse": math.sqrt(noise),
        "replicate_tau": agreement,
        "pairs": float(len(first)),
    }
