"""The races of one experiment, as the verdict reads them.

`Experiment` is what summary, figures and report work on; `load_experiment` reads one from the folder that
``bagbench compare`` filled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from ..problems import get_problem
from ..problems.errors import FileProblem
from ..problems.files import write_atomically
from ..problems.problem import Losses, Problem, Vectors
from ..simulator.benchmarks import fingerprint, open_benchmark
from ..simulator.grid import EXPERIMENT_FILE, RACES_FOLDER, read_description
from ..simulator.history import CENSORED, History
from .indicators import Policy, check_policy, counted, nondominated


class Settings(TypedDict):
    """What ``experiment.json`` says is raced; the words are those of `bagbench.simulator.grid.Grid`."""

    problem: str
    source: str
    noise: str
    objectives: Sequence[str] | None
    optimizers: Sequence[str]
    seeds: Sequence[int]
    budget_seconds: float | None
    budget_evaluations: int | None
    workers: int
    checkpointing: bool
    benchmark_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """One optimizer, one seed: what it tried, and what that cost."""

    optimizer: str
    """Its name, as people type it."""
    seed: int
    history: History
    digest: str
    """`History.digest`: equal digests, equal races."""

    @property
    def evaluations(self) -> int:
        """Trials that were completed within the budget, whatever came of them."""
        return int((self.history.status != CENSORED).sum())

    @property
    def simulated_seconds(self) -> float:
        """Simulated time at which the last trial ended or was cut off."""
        return float(self.history.finished.max(initial=0.0))


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Races of several optimizers on one problem, and the settings that they share."""

    problem: Problem
    races: tuple[Race, ...]
    settings: Settings
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the software that raced, by package."""
    card: Mapping[str, object] = field(default_factory=dict)
    """Quality card of the surrogate that answered; empty for other sources."""
    missing: int = 0
    """Races that are still to be run."""
    policy: Policy = "full"
    """Which trials count as results."""

    @property
    def optimizers(self) -> tuple[str, ...]:
        """Names of the optimizers, in the order of their first race."""
        return tuple(dict.fromkeys(race.optimizer for race in self.races))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds raced by at least one optimizer, ascending."""
        return tuple(sorted({race.seed for race in self.races}))

    @property
    def end_seconds(self) -> float:
        """Simulated time at which the longest race ended."""
        return max(race.simulated_seconds for race in self.races)

    def of(self, optimizer: str) -> tuple[Race, ...]:
        """Select the races of one optimizer."""
        return tuple(race for race in self.races if race.optimizer == optimizer)

    def front_rows(self, race: Race) -> NDArray[np.intp]:
        """Find the trials (k,) of a race that are its final front."""
        rows = counted(race.history, policy=self.policy, max_epochs=self.problem.max_epochs)
        return rows[nondominated(race.history.losses[rows])]

    def front(self, race: Race) -> tuple[Losses, Vectors]:
        """Give the final front of a race: losses (k, m) and configurations (k, d)."""
        rows = self.front_rows(race)
        return race.history.losses[rows], race.history.vectors[rows]

    def pooled_front(self, races: tuple[Race, ...]) -> tuple[Losses, Vectors]:
        """Give the front of the final fronts of several races."""
        fronts = [self.front(race) for race in races]
        losses = np.concatenate([front[0] for front in fronts])
        vectors = np.concatenate([front[1] for front in fronts])
        keep = nondominated(losses)
        return losses[keep], vectors[keep]


def load_experiment(folder: Path, /, *, policy: Policy = "full") -> Experiment:
    """Read the races that are finished in a folder of ``bagbench compare``.

    Parameters
    ----------
    policy
        Which trials count as results; see `Policy`.

    Raises
    ------
    FileProblem
        If the folder holds no experiment or no finished race, or one of its files is damaged.
    """
    path = folder / EXPERIMENT_FILE
    settings = cast(Settings, read_description(path))
    grid = [(optimizer, seed) for optimizer in settings["optimizers"] for seed in settings["seeds"]]
    races = []
    for optimizer, seed in grid:
        file = folder / RACES_FOLDER / f"{optimizer}-{seed}.h5"
        if file.exists():
            history = History.load(file)
            races.append(Race(optimizer=optimizer, seed=seed, history=history, digest=history.digest()))
    if not races:
        raise FileProblem(f"{folder}: no race is finished there: run `bagbench compare` again with the same settings")
    problem, card = _problem(settings)
    return Experiment(
        problem=problem,
        races=tuple(races),
        settings=settings,
        versions=json.loads(path.read_text()).get("versions", {}),
        card=card,
        missing=len(grid) - len(races),
        policy=policy,
    )


def remember_policy(folder: Path, policy: Policy, /) -> None:
    """Note in a folder's ``experiment.json`` which trials count; that is no part of what is raced.

    Raises
    ------
    FileProblem
        If the folder holds no experiment.
    """
    path = folder / EXPERIMENT_FILE
    read_description(path)
    document = json.loads(path.read_text())
    if document.get("policy") != policy:
        write_atomically(path, json.dumps({**document, "policy": policy}, sort_keys=True, indent=1) + "\n")


def remembered_policy(folder: Path, /) -> Policy:
    """Tell which trials count, by the last `remember_policy`; ``"full"`` if there was none.

    Raises
    ------
    FileProblem
        If the folder holds no experiment.
    InvalidArgument
        If the file says something else.
    """
    path = folder / EXPERIMENT_FILE
    read_description(path)
    return check_policy(json.loads(path.read_text()).get("policy", "full"))


def _problem(settings: Settings) -> tuple[Problem, Mapping[str, object]]:
    """Find the problem that was raced on, and the quality card if a surrogate answered and is still the same."""
    name, source, objectives = settings["problem"], settings["source"], settings["objectives"]
    if source == "trainer":  # its problem is known without torch
        problem = get_problem(name)
        return (problem if objectives is None else problem.with_objectives(objectives)), {}
    benchmark = open_benchmark(name, source, noise=settings["noise"], objectives=objectives)
    same = fingerprint(name, source) == settings["benchmark_sha256"]
    return benchmark.problem, getattr(benchmark, "card", {}) if same else {}
