"""The races of an experiment as curves over simulated time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .indicators import Anytime, anytime_hypervolume, box_volume, normalized_hypervolume
from .races import Experiment
from .statistics import log_times


def hypervolume_curves(experiment: Experiment) -> dict[str, list[Anytime]]:
    """Follow the normalized hypervolume of every race."""
    problem = experiment.problem
    box = box_volume(problem.reference_point, problem.ideal_point)
    return {
        name: [
            _scaled(
                anytime_hypervolume(
                    race.history, problem.reference_point, max_epochs=problem.max_epochs, policy=experiment.policy
                ),
                1.0 / box,
            )
            for race in experiment.of(name)
        ]
        for name in experiment.optimizers
    }


def _scaled(curve: Anytime, factor: float) -> Anytime:
    return Anytime(seconds=curve.seconds, values=factor * curve.values)


def best_known(experiment: Experiment) -> float:
    """Give the normalized hypervolume of the pooled front of all races."""
    problem = experiment.problem
    losses, _ = experiment.pooled_front(experiment.races)
    return normalized_hypervolume(losses, problem.reference_point, problem.ideal_point)


def first_result(experiment: Experiment, curves: dict[str, list[Anytime]]) -> float:
    """Find when the first trial of any race counted; a thousandth of the whole if none ever did, or at once."""
    end = experiment.end_seconds
    firsts = [float(curve.seconds[0]) for group in curves.values() for curve in group if len(curve.seconds)]
    return max(min(firsts, default=0.0), end / 1000)


def time_grid(experiment: Experiment, curves: dict[str, list[Anytime]]) -> NDArray[np.float64]:
    """Choose times that look smooth on a logarithmic and on a linear axis."""
    end = experiment.end_seconds
    start = first_result(experiment, curves)
    return np.union1d(log_times(start, end, 160), np.linspace(start, end, 160))
