"""Does it help to weight runs by the inverse of the probability with which the design took their configuration?

A cost-aware table has fewer dear configurations than the space. Weighted by the inverse of `inclusion_probability`, a
fit minimises its error over the space instead of over the table. Whether that makes better surrogates is a question
that cross-validation answers: perceptrons, of which a teacher is mostly made, learn the outcomes at full fidelity with
weights of several strengths, and are judged on configurations that they have not seen, once as they were collected and
once as the space has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.progress import SILENT, Progress
from ..surrogates.distribution import Thresholds
from ..surrogates.examples import Examples
from ..surrogates.features import Features
from ..surrogates.fit import fold_of
from ..surrogates.perceptrons import Perceptrons
from ..surrogates.teacher import for_seconds

Array = NDArray[np.float64]

POWERS = (0.0, 0.5, 1.0)
"""Of the inverse probability: no weights, their root, and all of them."""

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


def judge_weights(
    examples: Examples, perceptrons: Perceptrons, *, seed: int = 0, progress: Progress = SILENT
) -> list[Weighted]:
    """Train with weights of all `POWERS`, and judge on folds of configurations.

    Metrics are judged on the scale on which means are taken (see `bagbench.surrogates.targets`).

    Raises
    ------
    InvalidArgument
        If somebody chose a configuration, so that it has no probability, or all that tell seconds are in one fold.
    """
    chance, folds = examples.inclusion_probability, fold_of(examples)
    if np.isnan(chance).any():
        raise InvalidArgument(
            f"{np.isnan(chance).sum()} runs were chosen, not drawn, and have no inclusion probability: "
            "expected a table that `bagbench populate` made"
        )
    if len(np.unique(folds[examples.timed])) < 2:
        raise InvalidArgument("weights are judged on configurations not seen: all that tell seconds are in one fold")
    judges = {"as_collected": np.ones(len(examples)), "of_the_space": 1.0 / chance}
    true = _outcomes(examples)
    squares = {power: np.empty_like(true) for power in POWERS}
    trainings = [(power, fold) for power in POWERS for fold in np.unique(folds)]
    for done, (power, fold) in enumerate(trainings, start=1):
        unseen = folds == fold
        predicted = _predict(examples, true, unseen, chance**-power, perceptrons, seed)
        squares[power][unseen] = (true[unseen] - predicted) ** 2
        progress.update(done, len(trainings))
    resamples = np.random.default_rng(seed).integers(len(examples), size=(_RESAMPLES, len(examples)))
    rows = []
    for head, target in enumerate(examples.targets):
        errors = {power: of_all[:, head] for power, of_all in squares.items()}
        rows += _compare(target.name, errors, true[:, head], judges, resamples)
    return rows


def _compare(
    metric: str,
    squares: Mapping[float, Array],
    true: Array,
    judges: Mapping[str, Array],
    resamples: NDArray[np.int64],
) -> list[Weighted]:
    """Hold all strengths of weights against none, for one metric, by their squared errors (n,)."""
    scores = {
        power: {name: _r2(errors, true, weights, resamples) for name, weights in judges.items()}
        for power, errors in squares.items()
    }
    rows = []
    for power, own in scores.items():
        gains = {name: _interval(own[name][1:] - scores[0.0][name][1:]) for name in judges}
        first = {name: float(values[0]) for name, values in own.items()}
        rows.append(Weighted(metric=metric, power=power, gains=gains, **first))
    return rows


def _outcomes(examples: Examples) -> Array:
    """Give outcomes (n, h) after the last epoch, on the scale of averages."""
    last = examples.values[:, -1]
    return np.column_stack([target.to_average(last[:, head]) for head, target in enumerate(examples.targets)])


def _predict(
    examples: Examples, true: Array, unseen: NDArray[np.bool_], weights: Array, perceptrons: Perceptrons, seed: int
) -> Array:
    """Predict the outcomes of unseen runs by perceptrons that learnt from the others, as a teacher has them."""
    rich = Features(examples.problem).rich(examples.vectors)
    learnt, timed = ~unseen, ~unseen & examples.timed
    thresholds = Thresholds.of(true[learnt, :-1])
    labels = thresholds.exceeded(true[learnt, :-1])
    classifier = perceptrons.classify(rich[learnt], labels, weights=weights[learnt], seed=seed)
    clock = for_seconds(perceptrons).regress(rich[timed], true[timed, -1], weights=weights[timed], seed=seed)
    return np.column_stack([thresholds.expectations(classifier(rich[unseen])), clock(rich[unseen])])


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
    """Write Markdown of what `judge_weights` found, by the name of the table; ``command`` made it."""
    lines = [
        "# Does weighting by inverse inclusion probability help?",
        "",
        "Cost-aware tables have fewer dear configurations than the space; the probability of each is in the table.",
        "Perceptrons, of which the teacher of a surrogate is mostly made, were trained with no weights, with the root",
        "of its inverse, and with all of it, and judged by R2 on configurations that they had not seen (5 folds), as",
        "they were collected and as the space has them. In brackets what that is more than without weights: 95 %",
        "intervals, by bootstrap over runs.",
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
