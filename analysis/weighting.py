"""Does it help to weight runs by the inverse of the probability with which the design took their configuration?

A cost-aware table has fewer dear configurations than the space. Weighted by the inverse of `inclusion_probability`, a
fit minimises its error over the space instead of over the table. Whether that makes better surrogates is a question
that cross-validation answers: trees learn the outcomes at full fidelity with weights of several strengths, and are
judged on configurations that they have not seen, once as they were collected and once as the space has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..surrogates.boosting import Boosting
from ..surrogates.examples import Examples
from ..surrogates.features import Features
from ..surrogates.fit import fold_of
from ..surrogates.teacher import predict

Array = NDArray[np.float64]

POWERS = (0.0, 0.5, 1.0)
"""Of the inverse probability: no weights, their root, and all of them."""

_TREES = replace(Boosting(), rows_in_leaf=3)  # the recipe's 80 are rows of 25 epochs a run
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted:
    """What one strength of weights came to, for one metric."""

    metric: str
    power: float
    as_collected: float
    """R2 on unseen runs of the table."""
    of_the_space: float
    """The same, with every unseen run weighted by the inverse of its probability."""
    gains: Mapping[str, tuple[float, float]]
    """95 % intervals of what ``as_collected`` and ``of_the_space`` gained over no weights, by bootstrap over runs."""


def judge_weights(examples: Examples, *, seed: int = 0) -> list[Weighted]:
    """Fit with weights of all `POWERS`, and judge on folds of configurations.

    Metrics are judged on the scale on which they are predicted (see `bagbench.surrogates.targets`).

    Raises
    ------
    InvalidArgument
        If somebody chose a configuration, so that it has no probability, or all that tell seconds are in one fold.
    """
    folds = fold_of(examples)
    rich = Features(examples.problem).rich(examples.vectors).astype(np.float32)
    chance = examples.inclusion_probability
    if np.isnan(chance).any():
        raise InvalidArgument(
            f"{np.isnan(chance).sum()} runs were chosen, not drawn, and have no inclusion probability: "
            "expected a table that `bagbench populate` made"
        )
    if len(np.unique(folds[examples.timed])) < 2:
        raise InvalidArgument("weights are judged on configurations not seen: all that tell seconds are in one fold")
    judges = {"as_collected": np.ones(len(examples)), "of_the_space": 1.0 / chance}
    resamples = np.random.default_rng(seed).integers(len(examples), size=(_RESAMPLES, len(examples)))
    rows = []
    for head, target in enumerate(examples.targets):
        true = examples.values[:, -1, head]
        squares: dict[float, Array] = {}
        for power in POWERS:
            predicted = _unseen(rich, true, chance**-power, folds, seed)
            squares[power] = (true - predicted) ** 2
        scores = {name: _r2(squares[0.0], true, weights, resamples) for name, weights in judges.items()}
        for power in POWERS:
            own = {name: _r2(squares[power], true, weights, resamples) for name, weights in judges.items()}
            gains = {name: _interval(own[name][1:] - scores[name][1:]) for name in judges}
            first = {name: float(values[0]) for name, values in own.items()}
            rows.append(Weighted(metric=target.name, power=power, gains=gains, **first))
    return rows


def _unseen(rich: NDArray[np.float32], true: Array, weights: Array, folds: NDArray[np.int64], seed: int) -> Array:
    """Predict (n,) each run by trees that learnt from the other folds; what is not known (NaN) teaches nothing."""
    predicted = np.empty(len(true))
    for fold in np.unique(folds):
        inside = folds == fold
        learnt = ~inside & ~np.isnan(true)
        forest = _TREES.fit(rich[learnt], true[learnt], weights=weights[learnt] / weights[learnt].mean(), seed=seed)
        predicted[inside] = predict([forest], rich[inside])[:, 0]
    return predicted


def _r2(squares: Array, true: Array, weights: Array, resamples: NDArray[np.int64]) -> Array:
    """Give R2 of all runs that are known, then of each resample (r, n)."""
    scores = []
    for drawn in (np.arange(len(true)), *resamples):
        rows = drawn[~np.isnan(true[drawn])]
        heavy, values = weights[rows], true[rows]
        spread = np.average((values - np.average(values, weights=heavy)) ** 2, weights=heavy)
        scores.append(1.0 - np.average(squares[rows], weights=heavy) / spread)
    return np.array(scores)


def _interval(gains: Array) -> tuple[float, float]:
    low, high = np.quantile(gains, [0.025, 0.975]).tolist()
    return low, high


def weighting_page(judged: Mapping[str, Sequence[Weighted]], command: str) -> str:
    """Write Markdown of what `judge_weights` found, by the name of the table."""
    lines = [
        "# Does weighting by inverse inclusion probability help?",
        "",
        "Cost-aware tables have fewer dear configurations than the space; the probability of each is in the table.",
        "Trees were fitted with no weights, with the root of its inverse, and with all of it, and judged by R2 on",
        "configurations that they had not seen (5 folds), as they were collected and as the space has them. In",
        "brackets what that is more than without weights: 95 % intervals, by bootstrap over runs.",
        "",
        "| table | metric | weights | R2, as collected | R2, of the space |",
        "|---|---|---|---:|---:|",
    ]
    names = {0.0: "none", 0.5: "root", 1.0: "all"}
    for table, rows in judged.items():
        for row in rows:
            cells = (_cell(row, "as_collected"), _cell(row, "of_the_space"))
            lines.append(f"| {table} | {row.metric} | {names[row.power]} | {cells[0]} | {cells[1]} |")
    helped = sorted(
        f"`{row.metric}` of {table} ({names[row.power]})"
        for table, rows in judged.items()
        for row in rows
        if row.power and row.gains["of_the_space"][0] > 0
    )
    harmed = sum(bool(row.power) and row.gains["of_the_space"][1] < 0 for rows in judged.values() for row in rows)
    tried = sum(bool(row.power) for rows in judged.values() for row in rows)
    verdict = f"Of {tried} weighted fits, {len(helped)} are better over the space than chance explains"
    lines += ["", f"{verdict}{': ' * bool(helped)}{', '.join(helped)}; {harmed} are worse.", "", "Made by", "", "```sh"]
    return "\n".join([*lines, command, "```", ""])


def _cell(row: Weighted, judge: str) -> str:
    score = f"{getattr(row, judge):.4f}"
    if not row.power:
        return score
    low, high = row.gains[judge]
    return f"{score} ({low:+.4f} to {high:+.4f})"
