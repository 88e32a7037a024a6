"""The networks that races chose by validation error, scored by test error.

A front is chosen by its validation errors, which are therefore too good; what its networks score on test images
was chosen by nobody. The same trainings are asked for their test errors: no trial is chosen again, so a trial off the
validation front never counts, however good its test error. The hypervolume of what was chosen then leaves out what
turns out to be dominated, the "optimistic" of the two fronts of Feurer et al. 2023 (arXiv 2212.04183). The seed paper
instead took the front of the test errors of all trials.
"""

from __future__ import annotations

import numpy as np

from ..problems.benchmark import Benchmark
from ..problems.errors import UnknownName
from ..problems.problem import Losses
from ..simulator.benchmarks import fingerprint, open_benchmark
from .indicators import hypervolume
from .races import Experiment

_CHOSEN_BY, _SCORED_BY = "val_error", "test_error"


def rescored_hypervolumes(experiment: Experiment, /) -> list[float]:
    """Give the hypervolume of every race's final front after re-scoring, in the order of the races.

    Returns
    -------
    hypervolumes
        All NaN where the trainings cannot be asked again: races of the true trainer, objectives without ``val_error``,
        no record of ``test_error``, or another file in the place of the benchmark that was raced on.
    """
    benchmark = _test_benchmark(experiment)
    if benchmark is None:
        return [float("nan")] * len(experiment.races)
    reference = benchmark.problem.reference_point
    return [hypervolume(losses, reference) for losses in _rescored(experiment, benchmark)]


def _test_benchmark(experiment: Experiment) -> Benchmark | None:
    """Open the benchmark that was raced on, in terms of the test error; None where that cannot be had."""
    settings, names = experiment.settings, experiment.problem.objective_names
    if settings["source"] == "trainer" or _CHOSEN_BY not in names or _SCORED_BY in names:
        return None
    if fingerprint(settings["problem"], settings["source"]) != settings["benchmark_sha256"]:
        return None
    wanted = [_SCORED_BY if name == _CHOSEN_BY else name for name in names]
    try:
        return open_benchmark(
            settings["problem"], settings["source"], noise=settings["noise"], objectives=wanted, snap=True
        )
    except UnknownName:  # it was fitted without, or its problem has no such metric
        return None


def _rescored(experiment: Experiment, benchmark: Benchmark) -> list[Losses]:
    """Ask for the losses of all final fronts at once."""
    rows = [experiment.front_rows(race) for race in experiment.races]
    histories = [race.history for race in experiment.races]
    vectors, epochs, seeds = (
        np.concatenate([getattr(history, name)[chosen] for history, chosen in zip(histories, rows, strict=True)])
        for name in ("vectors", "epochs", "seeds")
    )
    losses, _ = benchmark.query_batch(vectors, epochs, seeds)
    return np.split(losses, np.cumsum([len(chosen) for chosen in rows])[:-1])
