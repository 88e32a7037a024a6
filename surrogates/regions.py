"""Where a surrogate is good: scores by region, and what it makes of the front, by predictions that had not seen a run.

Regions are those of predictions, as somebody meets them who asks the surrogate: among runs chosen by what they turned
out to be, noise alone would make every prediction look biased.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses
from .examples import Examples
from .fronts import covered, layers
from .targets import SECONDS

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

_NEAR = 0.1
"""Share of the configurations that counts as near the front, at least."""


def collapse_limit(truth: Array) -> float:
    """Give the value above which a final outcome (n,) counts as collapsed: half way between the best and the worst."""
    low, high = np.quantile(truth, [0.01, 0.99])
    return float((low + high) / 2)


def regions(examples: Examples, predictions: Array) -> Mapping[str, object]:
    """Score the first metric after the last epoch by region of its prediction.

    Parameters
    ----------
    examples
        n runs.
    predictions : (n, E, h)
        On the scale of predictions, by models that had not seen the configuration.

    Returns
    -------
    evidence
        ``metric``, and for the regions ``collapsed`` (predicted beyond `collapse_limit`), ``good`` (the better half of
        the others) and ``near_the_front`` (the first non-dominated layers that hold a tenth of the configurations):
        ``runs``, ``rmse``, ``mean_error`` (true less predicted) and ``kendall_tau``; regions without runs are left out.
    """
    target = examples.targets[0]
    true, predicted = (target.backward(values[:, -1, 0]) for values in (examples.values, predictions))
    collapsed = predicted > collapse_limit(true)
    good = ~collapsed & (predicted <= np.median(predicted[~collapsed])) if not collapsed.all() else ~collapsed
    owner, called = by_configuration(examples, predictions)
    near = near_the_front(called)[owner]
    parts = {"collapsed": collapsed, "good": good, "near_the_front": near}
    scores = {name: _region(true[rows], predicted[rows]) for name, rows in parts.items() if rows.any()}
    return {"metric": target.name, **scores}


def front_evidence(examples: Examples, predictions: Array) -> Mapping[str, object]:
    """Hold the front that predictions give against that of the runs, in the problem's own objectives.

    A configuration scores the mean of its runs. Most have one run only, so part of what is missed is the luck of the
    runs, which nobody could predict. Where seconds are raced, only runs that tell them count.

    Returns
    -------
    evidence
        ``configurations``; ``true_front`` and ``predicted_front``: how many are on them; ``recall``: the share of the
        true front that is on the predicted one; ``recall_near``: the share of it that is predicted to be
        `near_the_front`; ``hypervolume_share``: what those on the predicted front truly cover, over what the true front
        covers; ``kendall_tau`` of the first objective among those on either.
    """
    if "train_seconds" in examples.problem.objective_names:
        told = np.flatnonzero(examples.timed)
        examples, predictions = examples.take(told), predictions[told]
    (_, true), (_, called) = (by_configuration(examples, curves) for curves in (examples.values, predictions))
    best, chosen = layers(true) == 0, layers(called) == 0
    reference = examples.problem.reference_point
    whole, either = covered(true[best], reference), best | chosen
    return {
        "configurations": len(true),
        "true_front": int(best.sum()),
        "predicted_front": int(chosen.sum()),
        "recall": float(chosen[best].mean()),
        "recall_near": float(near_the_front(called)[best].mean()),
        "hypervolume_share": covered(true[chosen], reference) / whole if whole else None,
        "kendall_tau": kendall_tau(true[either, 0], called[either, 0]),
    }


def by_configuration(examples: Examples, curves: Array) -> tuple[NDArray[np.int64], Losses]:
    """Average the runs of each of c configurations.

    Parameters
    ----------
    curves : (n, E, h)
        Of the runs, as they went or as they were predicted, on the scale of predictions.

    Returns
    -------
    owner : (n,)
        Which configuration each run is of.
    losses : (c, m)
        Final ones, in the problem's objectives.
    """
    _, first, owner = np.unique(examples.digests, return_index=True, return_inverse=True)
    counts = np.bincount(owner)
    natural = examples.problem.space.natural(examples.vectors[first])
    heads = {target.name: head for head, target in enumerate(examples.targets)}
    columns = []
    for name in examples.problem.objective_names:
        if name in examples.problem.known:
            columns.append(examples.problem.known[name](natural))
            continue
        head = heads[SECONDS if name == "train_seconds" else name]
        whole = examples.profile[-1] if name == "train_seconds" else 1.0
        final = whole * examples.targets[head].backward(curves[:, -1, head])
        columns.append(np.bincount(owner, final) / counts)
    return owner.astype(np.int64), np.stack(columns, axis=1)


def near_the_front(losses: Losses) -> Rows:
    """Tell which of c configurations (c, m) are in the first non-dominated layers that hold a tenth of them."""
    numbers = layers(losses)
    last = np.sort(numbers)[math.ceil(_NEAR * len(numbers)) - 1]
    near: Rows = numbers <= last
    return near


def kendall_tau(one: Array, two: Array) -> float | None:
    """Compute Kendall's tau-b; None where a constant has none."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(one, two).statistic)
    return tau if math.isfinite(tau) else None


def _region(true: Array, predicted: Array) -> Mapping[str, object]:
    errors = true - predicted
    return {
        "runs": len(true),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "mean_error": float(errors.mean()),
        "kendall_tau": kendall_tau(true, predicted),
    }
