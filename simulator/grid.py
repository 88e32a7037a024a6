"""The race grid: every optimizer with every seed on one benchmark, in parallel, and resumable.

A grid lives in a folder: ``experiment.json`` says what is raced, ``races/<optimizer>-<seed>.h5`` hold the histories.
Worker processes send their histories back and only the parent writes, so a killed worker leaves nothing behind, and
a cluster needs no shared file system.
"""

from __future__ import annotations

import json
import logging
import platform
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from ..optimizers import get_optimizer
from ..problems.benchmark import Benchmark
from ..problems.errors import BagbenchError, FileProblem, InvalidArgument, OutputConflict
from ..problems.files import write_atomically
from ..problems.progress import SILENT, Progress
from ..tables.executor import open_executor
from .benchmarks import find_source, fingerprint, open_benchmark
from .history import History
from .simulate import check_settings, simulate

FORMAT = "bagbench-experiment"
VERSION = 1
EXPERIMENT_FILE = "experiment.json"
RACES_FOLDER = "races"
_VERSIONED = ("numpy", "onnxruntime", "h5py")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What is raced: every optimizer with every seed, all else equal.

    Raises
    ------
    InvalidArgument
        If a budget or the number of workers is not positive, or optimizers or seeds are missing or repeated.
    """

    problem: str
    """A shipped name, or the path of a table or surrogate."""
    source: str | None = None
    noise: str = "mean"
    objectives: tuple[str, ...] | None = None
    optimizers: tuple[str, ...]
    """Names in `bagbench.optimizers.OPTIMIZERS`."""
    seeds: tuple[int, ...]
    """Seeds of the optimizers; evaluations have seeds of their own, which the optimizers choose."""
    budget_seconds: float | None = None
    budget_evaluations: int | None = None
    workers: int = 1
    checkpointing: bool = True

    def __post_init__(self) -> None:
        check_settings(
            workers=self.workers, budget_seconds=self.budget_seconds, budget_evaluations=self.budget_evaluations
        )
        for name in ("optimizers", "seeds"):
            values: Sequence[object] = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise InvalidArgument(f"{name} must be one or more different ones, got {list(values)}")
        if min(self.seeds) < 0:
            raise InvalidArgument(f"seeds must be whole numbers >= 0, got {min(self.seeds)}")


@dataclass(frozen=True, slots=True)
class Race:
    """One cell of a grid; it travels to the worker process that runs it."""

    grid: Grid
    optimizer: str
    seed: int
    fingerprint: str
    """Content hash of the benchmark's file, so that no process answers from an older one."""

    def __str__(self) -> str:
        return f"{self.optimizer}, seed {self.seed}"

    @property
    def file_name(self) -> str:
        """Name of its history in the folder of races."""
        return f"{self.optimizer}-{self.seed}.h5"


def run_grid(
    grid: Grid, *, out: Path, jobs: int = 1, scheduler: str | None = None, progress: Progress = SILENT
) -> tuple[History, ...]:
    """Run what is missing of a grid in the folder ``out``, and give all its histories, by optimizer, then seed.

    Parameters
    ----------
    jobs
        Number of local processes; the histories do not depend on it.
    scheduler
        Address of a Dask scheduler to run the races instead.
    progress
        Is told the number of finished races.

    Raises
    ------
    OutputConflict
        If ``out`` holds another experiment, or anything else.
    UnknownName, InvalidArgument, FileProblem, MissingExtra
        If the benchmark or an optimizer cannot be had, before anything is written.
    BagbenchError
        If a race fails; the message names it, and the races finished by then are kept.
    """
    races = _races(grid)
    _open(grid, races[0].fingerprint)
    _claim(out, _description(grid, races[0].fingerprint))
    folder = out / RACES_FOLDER
    folder.mkdir(exist_ok=True)
    histories = {race: history for race in races if (history := _finished(race, folder)) is not None}
    progress.update(len(histories))
    # Seed by seed: whoever stops it has raced everybody, if with fewer seeds.
    missing = sorted((race for race in races if race not in histories), key=lambda race: race.seed)
    if missing:
        with open_executor(jobs, scheduler=scheduler) as executor:
            window = jobs if scheduler is None else len(missing)
            for race, history in _completed(executor, missing, window):
                history.save(folder / race.file_name)
                histories[race] = history
                progress.update(len(histories))
    return tuple(histories[race] for race in races)


def run_race(race: Race) -> History:
    """Run one race, in whatever process; its errors name it."""
    grid = race.grid
    try:
        benchmark = _open(grid, race.fingerprint)
        history = simulate(
            benchmark,
            get_optimizer(race.optimizer)(benchmark.problem, seed=race.seed),
            workers=grid.workers,
            budget_seconds=grid.budget_seconds,
            budget_evaluations=grid.budget_evaluations,
            checkpointing=grid.checkpointing,
        )
    except BagbenchError as error:
        raise type(error)(f"race of {race}: {error}") from error
    except Exception as error:
        raise RuntimeError(f"race of {race}: {type(error).__name__}: {error}") from error
    source = find_source(grid.problem, grid.source)
    answers = f"{grid.problem}, {source}" + (f", noise {grid.noise}" if source == "surrogate" else "")
    return replace(history, optimizer=race.optimizer, seed=race.seed, benchmark=answers)


def _races(grid: Grid) -> list[Race]:
    """List the cells of the grid; every name in it must exist."""
    for name in grid.optimizers:
        get_optimizer(name)
    sha256 = fingerprint(grid.problem, find_source(grid.problem, grid.source))
    return [Race(grid, name, seed, sha256) for name in grid.optimizers for seed in grid.seeds]


@lru_cache(maxsize=4)
def _opened(
    problem: str, source: str | None, noise: str, objectives: tuple[str, ...] | None, fingerprint: str
) -> Benchmark:
    """Open a benchmark once a process."""
    return open_benchmark(problem, source, noise=noise, objectives=objectives, snap=True)


def _open(grid: Grid, fingerprint: str) -> Benchmark:
    return _opened(grid.problem, grid.source, grid.noise, grid.objectives, fingerprint)


def _completed(executor: Executor, races: list[Race], window: int) -> Iterator[tuple[Race, History]]:
    """Run the races, at most ``window`` of them at once, and give each with its history as it is done."""
    waiting = deque(races)
    pending: dict[Future[History], Race] = {}
    try:
        while waiting or pending:
            while waiting and len(pending) < window:
                future = executor.submit(run_race, waiting[0])
                pending[future] = waiting.popleft()
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                history = future.result()
                yield pending.pop(future), history
    except BrokenProcessPool as error:
        lost = "; ".join(str(race) for race in [*pending.values(), *waiting][:window])
        raise BagbenchError(
            f"a worker process died (killed, or out of memory?) during one of these races: {lost}. "
            "Finished races are kept, the same command goes on from there"
        ) from error


def _finished(race: Race, folder: Path) -> History | None:
    """Load the history of a race that an earlier run has finished; None if it has to be run."""
    path = folder / race.file_name
    if not path.exists():
        return None
    try:
        history = History.load(path)
    except FileProblem as error:
        _logger.warning("running the race of %s again: %s", race, error)
        return None
    return history if (history.optimizer, history.seed) == (race.optimizer, race.seed) else None


def _description(grid: Grid, fingerprint: str) -> dict[str, object]:
    """Say what is raced, as ``experiment.json`` does: two folders hold the same experiment if it is equal."""
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(grid).items()}
    return {**settings, "source": find_source(grid.problem, grid.source), "benchmark_sha256": fingerprint}


def _claim(out: Path, description: dict[str, object]) -> None:
    """Make ``out`` the folder of the experiment, or check that it is."""
    path = out / EXPERIMENT_FILE
    if path.is_file():
        there = read_description(path)
        for name, here in description.items():
            if there.get(name) != here:
                raise OutputConflict(
                    f"{out} holds another experiment: {name} is {there.get(name)!r} there and {here!r} here; "
                    f"choose another --out, or repeat the settings in {path}"
                )
        return
    if out.exists() and (not out.is_dir() or any(not item.name.startswith(".") for item in out.iterdir())):
        raise OutputConflict(f"{out} exists and is no experiment's folder: choose a new or empty one as --out")
    out.mkdir(parents=True, exist_ok=True)
    versions = {"bagbench": version("bagbench"), "python": platform.python_version()}
    versions |= {package: version(package) for package in _VERSIONED}
    document = {"format": FORMAT, "version": VERSION, "experiment": description, "versions": versions}
    write_atomically(path, json.dumps(document, sort_keys=True, indent=1) + "\n")


def read_description(path: Path) -> dict[str, object]:
    """Read what an ``experiment.json`` says is raced.

    Raises
    ------
    FileProblem
        If it is missing, no such document, or of a newer format.
    """
    try:
        document = json.loads(path.read_text())
        if document["format"] != FORMAT:
            raise KeyError("format")
        newer = document["version"] > VERSION
        experiment = dict(document["experiment"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileProblem(f"{path}: expected the experiment.json of a folder that `bagbench compare` made") from error
    if newer:
        raise FileProblem(f"{path}: format version {document['version']}, this bagbench reads up to {VERSION}")
    return experiment
