"""The same optimizers on the true trainer and on its surrogate: do races look alike, and is their ranking the same?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..surrogates.regions import kendall_tau
from .curves import first_result
from .indicators import Anytime, anytime_hypervolume
from .races import Experiment, Race
from .statistics import log_times

_TIMES = 16


def trajectories(truth: Experiment, simulated: Experiment) -> Mapping[str, object]:
    """Hold hypervolume over time in true races against that in simulated ones.

    Parameters
    ----------
    truth
        Races on the true trainer.
    simulated
        Of the same optimizers, settings and objectives, on the surrogate with sampled noise; more seeds are better.

    Returns
    -------
    evidence
        ``true_seeds`` and ``simulated_seeds``; ``kendall_tau`` of the two rankings by median final hypervolume (None
        of one optimizer); ``final``, by optimizer: median ``true`` and ``simulated`` hypervolume, the ``low`` and
        ``high`` ends of the simulated races, and how many of the true ones are ``within`` them; ``curves``, by
        optimizer: lists ``seconds``, ``true`` (median), and ``low``, ``simulated`` (median) and ``high``.
    """
    times = _times(truth)
    real, made_up = _values(truth, times), _values(simulated, times)
    final = {name: _final(real[name][:, -1], made_up[name][:, -1]) for name in truth.optimizers}
    medians = np.array([[row["true"], row["simulated"]] for row in final.values()])
    return {
        "true_seeds": len(truth.seeds),
        "simulated_seeds": len(simulated.seeds),
        "kendall_tau": kendall_tau(medians[:, 0], medians[:, 1]) if len(medians) > 1 else None,
        "final": final,
        "curves": {
            name: {
                "seconds": times.tolist(),
                "true": np.median(real[name], axis=0).tolist(),
                "low": made_up[name].min(axis=0).tolist(),
                "simulated": np.median(made_up[name], axis=0).tolist(),
                "high": made_up[name].max(axis=0).tolist(),
            }
            for name in truth.optimizers
        },
    }


def _final(true: NDArray[np.float64], simulated: NDArray[np.float64]) -> Mapping[str, float]:
    low, high = float(simulated.min()), float(simulated.max())
    return {
        "true": float(np.median(true)),
        "simulated": float(np.median(simulated)),
        "low": low,
        "high": high,
        "races": len(true),
        "within": int(((low <= true) & (true <= high)).sum()),
    }


def _times(truth: Experiment) -> NDArray[np.float64]:
    """Choose times from the first result until the end of the shortest true race."""
    curves = {name: [_curve(truth, race) for race in truth.of(name)] for name in truth.optimizers}
    end = min(race.simulated_seconds for race in truth.races)
    return log_times(min(first_result(truth, curves), end / 2), end, _TIMES)


def _values(experiment: Experiment, times: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Give hypervolumes (seeds, t) by optimizer."""
    return {
        name: np.stack([_curve(experiment, race).at(times) for race in experiment.of(name)])
        for name in experiment.optimizers
    }


def _curve(experiment: Experiment, race: Race) -> Anytime:
    problem = experiment.problem
    return anytime_hypervolume(
        race.history, problem.reference_point, max_epochs=problem.max_epochs, policy=experiment.policy
    )
