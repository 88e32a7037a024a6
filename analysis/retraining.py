"""Training what races claim for real: runs go to a table, and ``validation.csv`` sets them beside the predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..problems.benchmark import Outcome
from ..problems.problem import Problem
from ..problems.progress import SILENT, Progress
from ..tables.chosen import chosen_task, collect_chosen, open_chosen
from ..tables.executor import open_executor
from ..tables.table import Table
from ..tables.worker import open_trainer
from .races import Experiment
from .validation_file import Claim, Trainings, read_trainings, write_trainings

TABLE_FILE = "validation.h5"


def _always() -> bool:
    return True


def train_claims(
    claims: Sequence[Claim],
    problem: Problem,
    path: Path,
    *,
    seeds: int,
    jobs: int,
    table: Path | None = None,
    origin: Mapping[str, str] | None = None,
    device: str = "auto",
    runs: int | None = None,
    scheduler: str | None = None,
    may_start: Callable[[], bool] = _always,
    progress: Progress = SILENT,
) -> Trainings:
    """Train ``runs`` of the claims (None: all) with each of ``seeds`` seeds, and write ``path``.

    Those of which there are true runs already come first, then the others in their order.

    Parameters
    ----------
    claims
        All of them: what ``path`` holds of others is dropped.
    path
        ``validation.csv``; what it holds is not trained again.
    jobs
        Number of worker processes, with one thread each; with a scheduler, of runs at once.
    table
        Where the runs are kept, with their whole curves; its runs are not trained again, and rule where both have
        one. None: ``validation.h5`` beside ``path``.
    origin
        What the table says of the new runs beside versions and devices, see `origin_of`.
    scheduler
        Address of a Dask scheduler whose workers train instead.
    may_start
        Is asked before each run; once it says no, those begun are finished and the others left for another call.
    progress
        Is told the number of finished runs.

    Raises
    ------
    MissingExtra
        If torch is not installed.
    UnknownName, InvalidArgument
        If there is no such device, or the scheduler does not answer.
    FileProblem, OutputConflict
        If there is a ``path`` that this function did not write, or a table that holds anything else.
    """
    table = path.with_name(TABLE_FILE) if table is None else table
    trained = _known(claims, problem, path, table)
    begun = {digest for digest, _ in trained}
    chosen = sorted(claims, key=lambda claim: claim.digest not in begun)[:runs]
    wanted = [(claim, seed) for claim in chosen for seed in range(seeds)]
    missing = [(claim, seed) for claim, seed in wanted if (claim.digest, seed) not in trained]
    there = len(wanted) - len(missing)
    progress.update(there)
    if missing:
        if scheduler is None:
            open_trainer(problem.name, device)  # errors now, and not in a worker
        with open_executor(jobs, scheduler=scheduler, processes=True) as executor:
            collect_chosen(
                table,
                [chosen_task(problem.name, claim.vector, seed, device=device) for claim, seed in missing],
                executor=executor,
                jobs=jobs,
                origin=origin or {},
                may_start=may_start,
                progress=lambda added: progress.update(there + added),
            )
        trained = _known(claims, problem, path, table)
    if trained:
        write_trainings(path, problem, claims, trained)
    return trained


def origin_of(experiment: Experiment) -> Mapping[str, str]:
    """Say for the table who chose its runs: the command, and the file whose answers they check."""
    settings = experiment.settings
    return {
        "chosen_by": "bagbench validate",
        "answers_of": f"{settings['source']} {Path(settings['problem']).name}",
        "answers_sha256": settings["benchmark_sha256"],
    }


def outcomes(table: Table, problem: Problem) -> dict[tuple[str, int], Outcome]:
    """Read what the runs of a table came to in the objectives of ``problem``, by digest and seed."""
    runs, last = table.runs, problem.max_epochs - 1
    losses = np.stack([table.losses(name)[:, last] for name in problem.objective_names], axis=1)
    seconds = np.cumsum(np.asarray(runs.curves["train_seconds"], dtype=float), axis=1)[:, last]
    failed = ~np.isin(runs.status, (b"ok", b"diverged")) | np.isnan(seconds)
    losses[failed], seconds[failed] = math.nan, math.nan
    keys = zip(runs.digests.astype(str).tolist(), runs.seeds.tolist(), strict=True)
    found = zip(losses, seconds.tolist(), runs.status.astype(str).tolist(), strict=True)
    return {key: Outcome(*outcome) for key, outcome in zip(keys, found, strict=True)}


def _known(claims: Sequence[Claim], problem: Problem, path: Path, table: Path) -> dict[tuple[str, int], Outcome]:
    """Read what is known of the claims: from the table, and from a file of before there were tables."""
    trained = dict(read_trainings(path, problem)) if path.exists() else {}
    stored = open_chosen(table, problem.name)
    if stored is not None:
        trained |= outcomes(stored, problem)
    digests = {claim.digest for claim in claims}
    return {key: outcome for key, outcome in trained.items() if key[0] in digests}
