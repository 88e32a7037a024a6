"""Calibration: whether outcomes scatter as a surrogate's noise says they do.

Every run is held against the distribution that a library of the other folds' runs gives for it, so neither the mean
nor the noise has seen its configuration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .examples import Examples
from .noise import fit_noise
from .regions import collapse_limit

Array = NDArray[np.float64]

_LEVELS = (0.8, 0.95)
_RELIABILITY_BINS = 10
_ROUNDING = 1e-5  # of an outcome: noise is kept in single precision


def calibration(examples: Examples, predictions: Array, folds: NDArray[np.int64]) -> Mapping[str, object]:
    """Judge the distributions of the first metric at full fidelity.

    Parameters
    ----------
    examples
        n runs.
    predictions : (n, E, h)
        On the scale of predictions, by models that had not seen the configuration.
    folds : (n,)
        Each run's fold.

    Returns
    -------
    evidence
        ``coverage`` of central intervals by what they claim, see `coverage`; ``collapse``: where a run counts as
        collapsed, with the Brier score of its predicted probability, that of always saying the share of all runs, and
        a reliability table; ``crps`` (Gneiting & Raftery 2007, JASA 102), and that of normal distributions about the
        same means, all with the same spread, the one for which it is least.
    """
    target = examples.targets[0]
    truth, means = target.backward(examples.values[:, -1, 0]), target.backward(predictions[:, -1, 0])
    samples = target.backward(_samples(examples, predictions, folds))
    limit = collapse_limit(truth)
    return {
        "metric": target.name,
        "coverage": {str(level): coverage(truth, samples, level) for level in _LEVELS},
        "crps": float(crps(truth, samples).mean()),
        "crps_homoscedastic": _least_normal_crps(truth, means),
        "collapse": {"limit": limit, **reliability(truth > limit, (samples > limit).mean(axis=1))},
    }


def _samples(examples: Examples, predictions: Array, folds: NDArray[np.int64]) -> Array:
    """Outcomes (n, k) of the first metric after the last epoch that noise of the other folds gives."""
    residuals = examples.values - predictions
    libraries = {}
    for fold in np.unique(folds).tolist():
        others = folds != fold if (folds != fold).any() else folds == fold
        libraries[fold] = fit_noise(
            predictions[others][:, -1:, :1], residuals[others][:, -1:, :1], examples.targets[:1]
        )
    rows = zip(predictions[:, -1, 0].tolist(), folds.tolist(), strict=True)
    return np.stack([libraries[fold].library(predicted).onto(predicted)[:, -1, 0] for predicted, fold in rows])


def coverage(truth: Array, samples: Array, level: float) -> float:
    """Share of the runs inside their central interval; exactly ``level`` is expected of true ``samples`` (n, k).

    An outcome's place among k samples is anywhere between its two neighbours' (rank / (k + 1)), and among equal ones
    anywhere in their range: as outcomes of guessing are often equal, a run counts by the part of its range that is
    inside (the non-randomised probability integral transform: Czado, Gneiting & Held 2009, Biometrics 65).
    """
    k = samples.shape[1]
    slack = _ROUNDING * np.abs(truth)[:, None]
    first = (samples < truth[:, None] - slack).sum(axis=1) / (k + 1)
    last = ((samples <= truth[:, None] + slack).sum(axis=1) + 1) / (k + 1)
    inside = np.minimum(last, (1 + level) / 2) - np.maximum(first, (1 - level) / 2)
    return float((np.maximum(inside, 0.0) / (last - first)).mean())


def crps(truth: Array, samples: Array) -> Array:
    """Continuous ranked probability score (n,) of outcomes (n,) under equally likely ``samples`` (n, k)."""
    ordered = np.sort(samples, axis=1)
    k = samples.shape[1]
    weights = (2 * np.arange(1, k + 1) - k - 1) / k**2  # of half the mean distance between two samples
    score: Array = np.abs(samples - truth[:, None]).mean(axis=1) - ordered @ weights
    return score


def _least_normal_crps(truth: Array, means: Array) -> float:
    """Give the mean score of normal distributions of one spread, the best of 99 up to twice the root mean square.

    The root itself is the best where errors are normal; where they have long tails, a smaller one is.
    """
    spreads = math.sqrt(np.mean((truth - means) ** 2)) * np.geomspace(1 / 1024, 2, 99)
    return min(float(_normal_crps(truth, means, spread).mean()) for spread in spreads.tolist())


def _normal_crps(truth: Array, means: Array, spread: float) -> Array:
    """The same of normal distributions, in closed form."""
    from scipy.special import ndtr

    if not spread:
        return np.abs(truth - means)
    z = (truth - means) / spread
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    score: Array = spread * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    return score


def reliability(happened: NDArray[np.bool_], probabilities: Array) -> Mapping[str, object]:
    """Judge predicted ``probabilities`` (n,) of what ``happened`` (n,).

    Returns
    -------
    evidence
        ``brier``, ``brier_of_the_share`` and ``table``: by tenths of probability, how many runs there were, what was
        predicted of them, and what share of them it happened to.
    """
    bins = np.minimum((probabilities * _RELIABILITY_BINS).astype(np.int64), _RELIABILITY_BINS - 1)
    inside = [bins == b for b in range(_RELIABILITY_BINS) if (bins == b).any()]
    table = [
        {"runs": int(rows.sum()), "predicted": float(probabilities[rows].mean()), "share": float(happened[rows].mean())}
        for rows in inside
    ]
    share = float(happened.mean())
    return {
        "share": share,
        "brier": float(np.mean((probabilities - happened) ** 2)),
        "brier_of_the_share": share * (1 - share),
        "table": table,
    }
