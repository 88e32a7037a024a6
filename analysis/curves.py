"""The races of an experiment as curves: hypervolume and rank over what was spent, in any `Cost`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .best_front import goal
from .costs import Cost, total_spent
from .indicators import Anytime, anytime_hypervolume, box_volume, normalized_hypervolume
from .races import Experiment
from .statistics import average_ranks, log_times

Curves = dict[str, list[Anytime]]
"""One curve for each race, by optimizer."""


def hypervolume_curves(experiment: Experiment, *, cost: Cost = "seconds") -> Curves:
    """Follow the normalized hypervolume of every race.

    Raises
    ------
    UnknownName
        If there is no such ``cost``.
    """
    problem = experiment.problem
    box = box_volume(problem.reference_point, problem.ideal_point)
    return {
        name: [
            _scaled(
                anytime_hypervolume(
                    race.history,
                    problem.reference_point,
                    max_epochs=problem.max_epochs,
                    policy=experiment.policy,
                    cost=cost,
                ),
                1.0 / box,
            )
            for race in experiment.of(name)
        ]
        for name in experiment.optimizers
    }


def _scaled(curve: Anytime, factor: float) -> Anytime:
    return Anytime(spent=curve.spent, values=factor * curve.values)


def best_known(experiment: Experiment) -> float:
    """Give the normalized hypervolume of all that is known: the pooled front of all races, and the stored one."""
    problem = experiment.problem
    losses, _ = experiment.pooled_front(experiment.races)
    known = np.concatenate([losses, goal(experiment).losses])
    return normalized_hypervolume(known, problem.reference_point, problem.ideal_point)


def end(experiment: Experiment, *, cost: Cost = "seconds") -> float:
    """Give what the longest race spent."""
    epochs = experiment.problem.max_epochs
    return max(total_spent(race.history, cost, max_epochs=epochs) for race in experiment.races)


def first_result(experiment: Experiment, curves: Curves, *, cost: Cost = "seconds") -> float:
    """Find when the first trial of any race counted; a thousandth of the whole if none ever did, or at once."""
    firsts = [float(curve.spent[0]) for group in curves.values() for curve in group if len(curve.spent)]
    return max(min(firsts, default=0.0), end(experiment, cost=cost) / 1000)


def time_grid(experiment: Experiment, curves: Curves, *, cost: Cost = "seconds") -> NDArray[np.float64]:
    """Choose expenses that look smooth on a logarithmic and on a linear axis; ``curves`` are over the same cost.

    Returns
    -------
    grid : (t,) float64
        Ascending, from `first_result` to `end`; whole numbers for evaluations, which come in no others.
    """
    last = end(experiment, cost=cost)
    start = first_result(experiment, curves, cost=cost)
    grid = np.union1d(log_times(start, last, 160), np.linspace(start, last, 160))
    return np.unique(np.ceil(grid)) if cost == "evaluations" else grid


def rank_curves(experiment: Experiment, curves: Curves, grid: NDArray[np.float64], /) -> dict[str, NDArray[np.float64]]:
    """Rank the optimizers by their curves at each point of a grid (t,), within each seed, and average over seeds.

    Returns
    -------
    ranks
        (t,) average ranks by optimizer, 1 being best; of the seeds that all have raced, and empty if there is none.
    """
    names = experiment.optimizers
    seeds = [[race.seed for race in experiment.of(name)] for name in names]
    common = sorted(set.intersection(*map(set, seeds)))
    if not common:
        return {}
    values = np.array(
        [[curves[name][own.index(seed)].at(grid) for seed in common] for name, own in zip(names, seeds, strict=True)]
    )
    return dict(zip(names, average_ranks(values), strict=True))
