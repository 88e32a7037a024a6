"""The quality card: how far a surrogate can be trusted, measured on configurations that it had not seen.

Predictions are those of cross-validation with folds of configurations, never of rows: no configuration is ever in both
the runs that a model learnt from and the runs that it is judged on. Beside each score stands the ceiling that the
noise of replicates sets: the score of somebody who knows every configuration's true mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ceiling import noise_ceiling, varies
from .examples import Examples
from .regions import kendall_tau
from .targets import SECONDS, Target

Array = NDArray[np.float64]
Scores = dict[str, float | None]

_EPOCHS_SHOWN = 24


def quality_card(examples: Examples, predictions: Array) -> Mapping[str, object]:
    """Score held-out ``predictions`` (n, E, h) of all runs, on the scale of the metrics.

    For every metric: ``r2``, ``kendall_tau`` and ``rmse`` at full fidelity, over all epochs and epoch by epoch (of
    long curves: at two dozen epochs), the noise ceiling at full fidelity and the share of it that is reached; for
    metrics with a long tail also on a log scale, where the tail does not rule.

    Seconds are those of a whole training, and judged by the runs of the kind of machine whose seconds they are: of
    others it is only estimated what they would have taken there. Where a drift of the machine has been taken out (see
    `bagbench.surrogates.drift`), the scores without that stand beside them, ``train_seconds as measured``.
    """
    metrics: dict[str, Mapping[str, object]] = {}
    for head, target in enumerate(examples.targets):
        true, predicted = examples.values[..., head], predictions[..., head]
        if target.name != SECONDS:
            metrics[target.name] = _judge_target(target, true, predicted, examples.digests, examples.drawn)
            continue
        own, whole = ~np.isnan(examples.measured), math.log(examples.profile[-1])
        steady, measured = true[own, -1:], examples.measured[own, None]
        truths = {"train_seconds": steady}
        if not np.array_equal(steady, measured):
            truths["train_seconds as measured"] = measured
        for name, truth in truths.items():
            metrics[name] = _judge_target(
                target, truth + whole, predicted[own, -1:] + whole, examples.digests[own], examples.drawn[own]
            )
    return {"runs": len(examples), "configurations": len(np.unique(examples.digests)), "metrics": metrics}


def renew_ceilings(card: Mapping[str, Any], examples: Examples) -> Mapping[str, Any]:
    """Give the card with the ceilings of metrics, and shares of them, estimated again from the runs it was made from.

    A card may be older than the way in which ceilings are estimated. Scores stay; so does all that is said of seconds,
    which depends on how they were put on one clock.
    """
    metrics, drawn = dict(card["metrics"]), examples.drawn
    for head, target in enumerate(examples.targets):
        if target.name == SECONDS or target.name not in metrics:
            continue
        outcomes, section = examples.values[drawn, -1, head], metrics[target.name]
        renewed = _with_ceiling(section, target.backward(outcomes), examples.digests[drawn])
        if "log_scale" in section:
            renewed["log_scale"] = _with_ceiling(section["log_scale"], outcomes, examples.digests[drawn])
        metrics[target.name] = renewed
    return {**card, "metrics": metrics}


def _with_ceiling(section: Mapping[str, Any], true: Array, digests: NDArray[np.bytes_]) -> dict[str, Any]:
    ceiling = noise_ceiling(true, digests)
    return {**section, "ceiling": ceiling, "share_of_ceiling": _share(section["full_fidelity"], ceiling)}


def _judge_target(
    target: Target, true: Array, predicted: Array, digests: NDArray[np.bytes_], drawn: NDArray[np.bool_]
) -> Mapping[str, object]:
    """Score curves (n, E) on the scale of predictions; what has a long tail is judged on that scale, too."""
    section = _judge(target.backward(true), target.backward(predicted), digests, drawn)
    return {**section, "log_scale": _judge(true, predicted, digests, drawn)} if target.scale == "log" else section


def _judge(
    true: Array, predicted: Array, digests: NDArray[np.bytes_], drawn: NDArray[np.bool_]
) -> Mapping[str, object]:
    """Score one metric's curves (n, E)."""
    last, ceiling = scores(true[:, -1], predicted[:, -1]), noise_ceiling(true[drawn, -1], digests[drawn])
    section = {"full_fidelity": last, "ceiling": ceiling, "share_of_ceiling": _share(last, ceiling)}
    if true.shape[1] == 1:
        return section
    epochs = np.unique(np.geomspace(1, true.shape[1], _EPOCHS_SHOWN).round().astype(np.int64))
    each = [scores(true[:, epoch - 1], predicted[:, epoch - 1]) for epoch in epochs]
    by_epoch = {"epoch": epochs.tolist(), **{name: [score[name] for score in each] for name in last}}
    return {**section, "all_epochs": scores(true.ravel(), predicted.ravel()), "by_epoch": by_epoch}


def _share(reached: Scores, ceiling: Scores) -> Scores:
    """Give the shares of the ceiling's scores that are reached; None where there is no ceiling above 0."""
    shares: Scores = {}
    for name in ("r2", "kendall_tau"):
        score, best = reached[name], ceiling.get(name)
        shares[name] = score / best if score is not None and best is not None and best > 0 else None
    return shares


def scores(true: Array, predicted: Array) -> Scores:
    """Coefficient of determination, Kendall's tau-b, and root mean squared error; None where a constant has none."""
    error = float(np.mean((true - predicted) ** 2))
    return {
        "r2": 1.0 - error / float(np.var(true)) if varies(true) else None,
        "kendall_tau": kendall_tau(true, predicted),
        "rmse": math.sqrt(error),
    }
