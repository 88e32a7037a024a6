"""The numbers that figures show: what is drawn on the page and on paper is the same.

Every chart lists the optimizers in the order it was given, best first; that order chooses their colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses, Vectors
from .costs import COSTS, Cost, total_spent, trained_epochs
from .curves import best_known, end, hypervolume_curves, rank_curves, time_grid
from .display import Axis, axis
from .indicators import median_attainment, normalized_hypervolume
from .races import Experiment, Race
from .summary import Summary

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A step function for each optimizer."""

    x: Floats
    """(t,) ascending."""
    y: Mapping[str, Floats]
    """(t,) by optimizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Hypervolume over what was spent, in percent of the ideal."""

    cost: Cost
    x: Floats
    """(t,) ascending, in seconds or as counts."""
    quartiles: Mapping[str, Floats]
    """(3, t) lower quartile, median and upper quartile by optimizer; NaN after the shortest of its races."""
    best: float
    """Of the best front that is known, be it stored or of these races together."""

    @property
    def median_ends(self) -> dict[str, float]:
        """Where the median of each optimizer ends."""
        return {name: _last(values[1]) for name, values in self.quartiles.items()}

    def extent(self, names: Sequence[str]) -> tuple[float, float]:
        """Choose a range of percentages; it need not show how all began at zero."""
        soon = np.searchsorted(self.x, 0.02 * self.x[-1])
        lowest = min(
            (float(low) for name in names for low in self.quartiles[name][0, soon : soon + 1] if np.isfinite(low)),
            default=0.0,
        )
        lowest = min(lowest, self.best, *(self.median_ends[name] for name in names))
        top = max(self.best, lowest + 1.0)
        return lowest - 0.05 * (top - lowest), top + 0.05 * (top - lowest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the races of one optimizer found, in natural values."""

    x: Floats
    """(k,) second objective of the pooled front, ascending loss."""
    y: Floats
    """(k,) first objective."""
    losses: Losses
    """(k, m)."""
    vectors: Vectors
    """(k, d) the configurations."""
    attained_x: Floats
    """(c,) corners of what half of the races attain; empty unless there are two objectives."""
    attained_y: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """Final fronts, first objective over the second."""

    horizontal: Axis
    vertical: Axis
    of: Mapping[str, Front]


def names_by_merit(experiment: Experiment, summary: Summary, /) -> tuple[str, ...]:
    """List the optimizers, best first."""
    return tuple(line.optimizer for line in summary.standings if line.optimizer in experiment.optimizers)


def all_progress(experiment: Experiment, summary: Summary, /) -> list[Progress]:
    """Follow median and quartiles over seeds of the normalized hypervolume, over each currency that was spent.

    Simulated seconds always are; evaluations and trainings only where a trial was completed within the budget.
    """
    problem, names = experiment.problem, names_by_merit(experiment, summary)
    goal = normalized_hypervolume(summary.goal.losses, problem.reference_point, problem.ideal_point)
    best = 100.0 * max(goal, best_known(experiment))
    return [_progress(experiment, names, cost=cost, best=best) for cost in COSTS if end(experiment, cost=cost)]


def _progress(experiment: Experiment, names: Sequence[str], *, cost: Cost, best: float) -> Progress:
    curves = hypervolume_curves(experiment, cost=cost)
    grid = time_grid(experiment, curves, cost=cost)
    quartiles = {}
    for name in names:
        values = 100.0 * np.quantile([curve.at(grid) for curve in curves[name]], [0.25, 0.5, 0.75], axis=0)
        if cost != "seconds":  # of a race that is out of time nobody knows what more trials would have brought
            epochs = experiment.problem.max_epochs
            ends = [total_spent(race.history, cost, max_epochs=epochs) for race in experiment.of(name)]
            values[:, grid > min(ends)] = np.nan
        quartiles[name] = values
    known = max(1, *(int(np.isfinite(values[1]).sum()) for values in quartiles.values()))
    shown = {name: values[:, :known] for name, values in quartiles.items()}
    return Progress(cost=cost, x=grid[:known], quartiles=shown, best=best)


def ranks(experiment: Experiment, names: Sequence[str], /) -> Lines | None:
    """Follow ranks by hypervolume over simulated seconds; None if no seed was raced by all."""
    curves = hypervolume_curves(experiment)
    grid = time_grid(experiment, curves)
    averages = rank_curves(experiment, curves, grid)
    return Lines(x=grid, y={name: averages[name] for name in names}) if averages else None


def epochs(experiment: Experiment, names: Sequence[str], /) -> Lines:
    """Count the trainings of a race, on average, that ran each epoch."""
    epoch = np.arange(1, experiment.problem.max_epochs + 1)
    counts = {
        name: np.mean([_epoch_counts(race, epoch) for race in experiment.of(name)], axis=0, dtype=float)
        for name in names
    }
    return Lines(x=epoch.astype(float), y=counts)


def fronts(experiment: Experiment, names: Sequence[str], /) -> Fronts:
    """Pool the final fronts of each optimizer."""
    vertical, horizontal = (axis(objective) for objective in experiment.problem.objectives[:2])
    found = {}
    for name in names:
        races = experiment.of(name)
        losses, vectors = experiment.pooled_front(races)
        order = np.argsort(losses[:, 1], kind="stable")
        corners = np.empty((0, 2))
        if len(experiment.problem.objectives) == 2:
            corners = median_attainment([experiment.front(race)[0][:, ::-1] for race in races])
        found[name] = Front(
            x=horizontal.values(losses[order, 1]),
            y=vertical.values(losses[order, 0]),
            losses=losses[order],
            vectors=vectors[order],
            attained_x=horizontal.values(corners[:, 0]),
            attained_y=vertical.values(corners[:, 1]),
        )
    return Fronts(horizontal=horizontal, vertical=vertical, of=found)


def median_race(experiment: Experiment, summary: Summary, /) -> Race:
    """Choose the winner's race of median hypervolume (the lower one of two)."""
    best = summary.standings[0].optimizer
    scores = sorted((s for s in summary.scores if s.optimizer == best), key=lambda s: s.hypervolume)
    seed = scores[(len(scores) - 1) // 2].seed
    return next(race for race in experiment.of(best) if race.seed == seed)


def _epoch_counts(race: Race, epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, for each epoch (E,), the completed trials that ran it."""
    history = race.history
    done = history.scored
    last = history.epochs[done]
    begin = last - trained_epochs(history)[done]
    counts: NDArray[np.int64] = ((begin[:, None] < epoch) & (epoch <= last[:, None])).sum(axis=0)
    return counts


def _last(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else 0.0
