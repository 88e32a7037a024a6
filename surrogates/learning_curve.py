"""How a surrogate's own score grows with the table, and what twice as many runs would bring.

Models learn nested eighths, quarters and halves of the configurations that cross-validation learns from, and are
judged on the same held-out runs as those that learnt from all. The gap to the noise ceiling is then taken to fall as a
power of the number of runs (Hestness et al. 2017, "Deep learning scaling is predictable, empirically").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ceiling import noise_ceiling
from .examples import Examples
from .quality import Scores, scores

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

SHARES = (1 / 8, 1 / 4, 1 / 2)
_FEWEST = 20  # runs that a model learns from
_ENOUGH = 1_000  # runs judged; below them two folds are, where there are two


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of the runs that a fold's model learns from."""

    fold: int
    share: float
    rows: Rows


def parts(digests: NDArray[np.bytes_], folds: Rows) -> list[Part]:
    """List the parts to learn from: nested shares of what the first fold's or, of small tables, two folds' models see.

    Parameters
    ----------
    digests : (n,)
        A configuration is in a part with all of its runs.
    folds : (n,)
        Each run's fold.
    """
    names = np.unique(folds)
    first = names[: 1 if (folds == names[0]).sum() >= _ENOUGH else 2]
    eighth = np.array([int(digest, 16) // (int(folds.max()) + 1) % 8 for digest in digests], dtype=np.int64)
    chosen = [
        Part(fold=fold, share=share, rows=np.flatnonzero((folds != fold) & (eighth < 8 * share)))
        for share in SHARES
        for fold in first.tolist()
    ]
    return [part for part in chosen if len(part.rows) >= _FEWEST]


def learning_curve(
    examples: Examples, folds: Rows, predictions: Array, learnt: Sequence[tuple[Part, Array]]
) -> Mapping[str, object]:
    """Score the first metric at full fidelity against the number of runs learnt from.

    Parameters
    ----------
    predictions : (n, E, h)
        Of all runs, each by the model of its own fold that learnt from all others.
    learnt
        For each of the `parts` the predictions (k, E, h) of its fold's k runs.

    Returns
    -------
    evidence
        ``metric``, ``judged`` runs; lists ``runs``, ``r2``, ``kendall_tau`` and ``rmse``, ascending; ``doubling``: by
        how much ``r2`` and ``kendall_tau`` would grow with twice the runs (None where that cannot be told). Empty if
        the table is too small for parts.
    """
    if not learnt:
        return {}
    used = sorted({part.fold for part, _ in learnt})
    whole = [(fold, int((folds != fold).sum()), predictions[folds == fold]) for fold in used]
    points = [_point(examples, folds, whole)]
    for share in sorted({part.share for part, _ in learnt}, reverse=True):
        some = [(part.fold, len(part.rows), predicted) for part, predicted in learnt if part.share == share]
        if len(some) == len(used):
            points.append(_point(examples, folds, some))
    points.reverse()
    runs = [count for count, _ in points]
    columns = {name: [score[name] for _, score in points] for name in ("r2", "kendall_tau", "rmse")}
    evidence = {
        "metric": examples.targets[0].name,
        "judged": int(np.isin(folds, used).sum()),
        "curve": {"runs": runs, **columns},
    }
    return extrapolated(evidence, examples)


def extrapolated(evidence: Mapping[str, Any], examples: Examples) -> Mapping[str, Any]:
    """Give the evidence with what doubling would bring, by the ceiling that its runs allow; empty if it is empty."""
    if not evidence:
        return evidence
    curve, target, drawn = evidence["curve"], examples.targets[0], examples.drawn
    ceiling = noise_ceiling(target.backward(examples.values[drawn, -1, 0]), examples.digests[drawn])
    gains = {name: doubling(curve["runs"], curve[name], ceiling.get(name)) for name in ("r2", "kendall_tau")}
    return {**evidence, "doubling": gains}


def doubling(runs: Sequence[float], reached: Sequence[float | None], ceiling: float | None) -> float | None:
    """Extrapolate what a score gains with twice the runs of the last point.

    The gap to ``ceiling`` (1 if None) is taken to be ``a * runs ** -b``, fitted by least squares of logarithms.

    Returns
    -------
    gain
        None with fewer than three points, or where a score is missing or above the ceiling.
    """
    gaps = [math.nan if score is None else (1.0 if ceiling is None else ceiling) - score for score in reached]
    if len(gaps) < 3 or not all(gap > 0 for gap in gaps):
        return None
    slope = float(np.polyfit(np.log(runs), np.log(gaps), 1)[0])
    gain: float = gaps[-1] * (1.0 - 2.0**slope)
    return gain


def _point(examples: Examples, folds: Rows, models: Sequence[tuple[int, int, Array]]) -> tuple[int, Scores]:
    """Give the mean number of runs of ``models`` (fold, runs, predictions) and their score together."""
    target = examples.targets[0]
    true = np.concatenate([examples.values[folds == fold][:, -1, 0] for fold, _, _ in models])
    predicted = np.concatenate([curves[:, -1, 0] for _, _, curves in models])
    count = round(sum(runs for _, runs, _ in models) / len(models))
    return count, scores(target.backward(true), target.backward(predicted))
