"""What races on the true trainer say of a surrogate: evidence for its quality card."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.progress import SILENT, Progress
from ..simulator.grid import Grid, run_grid
from ..surrogates.benchmark import SurrogateBenchmark
from ..tables.table import Table
from .races import Experiment, Race, Settings, load_experiment
from .trajectories import trajectories
from .unseen import learnt_configurations
from .visited import visited


def true_races(
    truth: Experiment,
    path: Path,
    table: Table,
    *,
    seeds: int,
    times_as_long: float = 1.0,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Mapping[str, object]:
    """Hold a surrogate against races on the true trainer: where they went, and how they ran.

    Parameters
    ----------
    truth
        Races on the true trainer.
    path
        Of the surrogate. The same optimizers race on it, under the same settings, with sampled noise.
    table
        That it has learnt from.
    seeds
        Races of each optimizer on the surrogate.
    times_as_long
        As on the machine of the surrogate's seconds it took on that of the true races (`Pace`): the latter's clock is
        divided by it, their budget too.
    jobs
        Processes at once; the outcome does not depend on it.
    progress
        Is told the number of finished races.

    Returns
    -------
    evidence
        ``visited`` and ``trajectories``, see the functions of these names; the former also with ``in_domain``, the
        share of the trials that were near runs which were learnt from; and ``times_as_long``.

    Raises
    ------
    InvalidArgument
        If the races were not on the true trainer, or on another problem, or the table is another one, or
        ``times_as_long`` is no positive number.
    FileProblem
        If the surrogate cannot be read.
    """
    truth = on_one_clock(truth, times_as_long)
    settings = truth.settings
    objectives = settings["objectives"]
    surrogate = SurrogateBenchmark(path, objectives=objectives)
    if settings["source"] != "trainer":
        raise InvalidArgument(f"the races were on a {settings['source']}: expected races on the trainer")
    if surrogate.problem.space != truth.problem.space:
        raise InvalidArgument(
            f"the races were on {truth.problem.name!r}, and {path} is a surrogate of {surrogate.problem.name!r}: "
            "expected the same search space"
        )
    learnt = learnt_configurations(surrogate, table)
    grid = Grid(
        problem=str(path),
        source="surrogate",
        noise="sample",
        objectives=None if objectives is None else tuple(objectives),
        optimizers=truth.optimizers,
        seeds=tuple(range(seeds)),
        budget_seconds=settings["budget_seconds"],
        budget_evaluations=settings["budget_evaluations"],
        workers=settings["workers"],
        checkpointing=settings["checkpointing"],
    )
    with TemporaryDirectory() as scratch:
        run_grid(grid, out=Path(scratch) / "races", jobs=jobs, progress=progress)
        simulated = load_experiment(Path(scratch) / "races", policy=truth.policy)
    scores = visited(truth, surrogate, learnt)
    inside = {name: {**row, "in_domain": _in_domain(truth, name, surrogate)} for name, row in scores.items()}
    return {"times_as_long": times_as_long, "visited": inside, "trajectories": trajectories(truth, simulated)}


def on_one_clock(truth: Experiment, times_as_long: float) -> Experiment:
    """Divide all times of races, and their budget, by what their machine took ``times_as_long``.

    Raises
    ------
    InvalidArgument
        If that is no positive number.
    """
    if not (times_as_long > 0 and math.isfinite(times_as_long)):
        raise InvalidArgument(f"times_as_long is {times_as_long}: expected a positive number")

    def moved(race: Race) -> Race:
        history = race.history
        times = {name: getattr(history, name) / times_as_long for name in ("asked", "started", "finished")}
        return replace(race, history=replace(history, **times))

    budget = truth.settings["budget_seconds"]
    if budget is None and truth.settings["budget_evaluations"] is None:
        budget = truth.problem.budget_seconds
    settings: Settings = {**truth.settings, "budget_seconds": None if budget is None else budget / times_as_long}
    return replace(truth, races=tuple(map(moved, truth.races)), settings=settings)


def _in_domain(truth: Experiment, optimizer: str, surrogate: SurrogateBenchmark) -> float | None:
    """Give the share of an optimizer's trials that were near runs that the surrogate has learnt from."""
    if not surrogate.knows_its_domain:
        return None
    vectors = np.concatenate([race.history.vectors for race in truth.of(optimizer)])
    return float(surrogate.trust(vectors).in_domain.mean())
