"""The best front that is known of a problem, stored with how it was found: what regret is measured to.

``data/<problem>-front.json`` holds configurations and losses, pooled from long races on the shipped surrogate's means
by ``python -m bagbench.scripts.best_front``. The losses are one benchmark's answers, so the file names that benchmark
by its sha256, and says nothing about races on another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..problems.errors import FileProblem, InvalidArgument
from ..problems.files import write_atomically
from ..problems.parameters import Value
from ..problems.problem import Losses
from ..simulator.benchmarks import DATA
from .indicators import hypervolume, nondominated
from .races import Experiment

FORMAT = "bagbench-front"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BestFront:
    """A front of k points on one benchmark, and where it comes from."""

    problem: str
    objectives: tuple[str, ...]
    benchmark_sha256: str
    """Of the surrogate or table that answered with these losses."""
    losses: Losses
    """(k, m), by ascending first loss."""
    configurations: tuple[Mapping[str, Value], ...]
    """(k,) active values by hyperparameter."""
    found: tuple[Mapping[str, object], ...]
    """How it was found: for each experiment that was pooled, what was raced."""

    def answers(self, experiment: Experiment) -> bool:
        """Tell whether the races of an experiment met the same benchmark, so that they can be compared."""
        settings = experiment.settings
        return (settings["benchmark_sha256"], experiment.problem.objective_names, settings["noise"]) == (
            self.benchmark_sha256,
            self.objectives,
            "mean",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The front that the regret of an experiment's races is measured to."""

    losses: Losses
    """(k, m)."""
    name: str
    """What it is, in words."""


def goal(experiment: Experiment, /, *, folder: Path = DATA) -> Goal:
    """Choose the best known front of the benchmark that was raced on; the races' own pooled front if none is stored.

    Raises
    ------
    FileProblem
        If the stored front is damaged, foreign or of a newer format.
    """
    path = front_file(experiment.problem.name, folder)
    if path.is_file():
        known = read_best_front(path)
        if known.answers(experiment):
            return Goal(losses=known.losses, name=f"best known front of {known.problem}")
    losses, _ = experiment.pooled_front(experiment.races)
    return Goal(losses=losses, name="pooled front of these races, for want of a stored one of this benchmark")


def front_file(problem: str, folder: Path = DATA) -> Path:
    """Name the file of a problem's best known front."""
    return folder / f"{problem}-front.json"


def pool(experiments: Sequence[Experiment], /) -> BestFront:
    """Pool the final fronts of the full trainings of all races of one or more experiments.

    Raises
    ------
    InvalidArgument
        If they were not all raced on the means of one benchmark, for the same objectives.
    """
    first = experiments[0]
    keys = [(e.problem.name, e.problem.objective_names, e.settings["benchmark_sha256"]) for e in experiments]
    if len(set(keys)) > 1 or any(
        e.settings["noise"] != "mean" or not e.settings["benchmark_sha256"] for e in experiments
    ):
        raise InvalidArgument(
            "a best known front is pooled from races on one surrogate or table with noise 'mean' and the same "
            f"objectives, got {'; '.join(sorted({_words(e) for e in experiments}))}: leave out what differs"
        )
    fronts = [experiment.pooled_front(experiment.races) for experiment in experiments]
    losses, vectors = (np.concatenate(parts) for parts in zip(*fronts, strict=True))
    rows = np.flatnonzero(nondominated(losses))
    rows = rows[np.lexsort(losses[rows].T[::-1])]
    return BestFront(
        problem=first.problem.name,
        objectives=first.problem.objective_names,
        benchmark_sha256=first.settings["benchmark_sha256"],
        losses=_frozen(losses[rows]),
        configurations=tuple(first.problem.space.decode(vector) for vector in vectors[rows]),
        found=tuple(_found(experiment) for experiment in experiments),
    )


def write_best_front(front: BestFront, path: Path, /, *, reference: Losses) -> None:
    """Write a front as JSON, with its hypervolume against the problem's ``reference`` (m,) for people to read."""
    points = [
        {"losses": losses, "configuration": dict(configuration)}
        for losses, configuration in zip(front.losses.tolist(), front.configurations, strict=True)
    ]
    document = {
        "format": FORMAT,
        "version": VERSION,
        "problem": front.problem,
        "objectives": front.objectives,
        "benchmark_sha256": front.benchmark_sha256,
        "reference_point": reference.tolist(),
        "hypervolume": hypervolume(front.losses, reference),
        "found": front.found,
        "points": points,
    }
    write_atomically(path, json.dumps(document, indent=1, sort_keys=True) + "\n")


def read_best_front(path: Path, /) -> BestFront:
    """Read what `write_best_front` wrote.

    Raises
    ------
    FileProblem
        If it is damaged, foreign or of a newer format.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise KeyError("format")
        newer = document["version"] > VERSION
        objectives = tuple(document["objectives"])
        front = BestFront(
            problem=document["problem"],
            objectives=objectives,
            benchmark_sha256=document["benchmark_sha256"],
            losses=_frozen(np.array([p["losses"] for p in document["points"]], float).reshape(-1, len(objectives))),
            configurations=tuple(point["configuration"] for point in document["points"]),
            found=tuple(document["found"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileProblem(f"{path}: expected a front that `python -m bagbench.scripts.best_front` wrote") from error
    if newer:
        raise FileProblem(f"{path}: format version {document['version']}, this bagbench reads up to {VERSION}")
    return front


def _found(experiment: Experiment) -> Mapping[str, object]:
    settings = experiment.settings
    seconds, evaluations = settings["budget_seconds"], settings["budget_evaluations"]
    return {
        "optimizers": list(experiment.optimizers),
        "seeds": list(experiment.seeds),
        "budget_seconds": experiment.problem.budget_seconds if seconds is evaluations is None else seconds,
        "budget_evaluations": evaluations,
        "workers": settings["workers"],
        "checkpointing": settings["checkpointing"],
        "trials": sum(race.evaluations for race in experiment.races),
        "versions": dict(experiment.versions),
    }


def _words(experiment: Experiment) -> str:
    settings = experiment.settings
    source = f"{settings['source']} {settings['benchmark_sha256'][:12]}".strip()
    objectives = ", ".join(experiment.problem.objective_names)
    return f"{experiment.problem.name} ({objectives}) on {source} with noise {settings['noise']!r}"


def _frozen(losses: Losses) -> Losses:
    losses.flags.writeable = False
    return losses
