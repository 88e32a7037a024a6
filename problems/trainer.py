"""The true trainer: the benchmark that answers by training; `training_run` has the recipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .benchmark import Curve, Outcome
from .datasets import load_data_set
from .environment import software
from .errors import MissingExtra

try:
    from .training_run import TrainingRun, clock
except ModuleNotFoundError as error:
    raise MissingExtra.for_package("torch", "train", "the true trainer") from error

from .attempt import attempt
from .device import check_precision, computing, free_memory, pick_device, share_memory
from .paused import PAUSED_BYTES, PausedRuns
from .problem import Losses, Problem, Vectors
from .record import RunRecord, broken_off, to_curve
from .space import Config, Vector


class Trainer:
    """The benchmark that answers by training.

    Parameters
    ----------
    problem
        A problem with a data set.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        CPU threads per run.
    precision
        One of `PRECISIONS`.
    runs_per_device
        How many processes share a GPU; each keeps to its share of the memory.
    paused_bytes
        How much memory runs may take that are kept as they are, 1 GiB unless told otherwise: asking for more epochs of
        one of them goes on where it stopped. The last one is always kept.

    Notes
    -----
    Answers are those of a training that never stopped, whatever is kept. Seconds are measured once, and differ from
    trainer to trainer. That memory ran out is an answer, too: no losses from there on, the status
    ``"out_of_memory"``, and what it took.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        device: str = "auto",
        threads: int = 1,
        precision: str = "float32",
        runs_per_device: int = 1,
        paused_bytes: float = PAUSED_BYTES,
    ) -> None:
        self._problem = problem
        self._data = load_data_set(problem.name)
        self._device = pick_device(device)
        self._threads, self._precision, self._runs_per_device = threads, precision, runs_per_device
        check_precision(precision, self._device)
        if self._device.type == "cuda" and runs_per_device > 1:
            share_memory(self._device, runs_per_device)
        self._paused = PausedRuns(paused_bytes)

    @property
    def problem(self) -> Problem:
        """The problem, with the objectives that the answers are given in."""
        return self._problem

    @property
    def environment(self) -> dict[str, str]:
        """What runs are made with: versions, device, processor, threads, precision, clock."""
        return {**software(), **computing(self._device, self._threads, self._precision, self._runs_per_device)}

    def record(self, vector: Vector, *, epochs: int | None = None, seed: int = 0) -> RunRecord:
        """Train configuration ``vector`` (d,) and give all that is recorded of it.

        If memory runs out, that is what was reached till then, and memory is free for the next run.
        """
        epochs = self._problem.check_epochs(epochs)
        return self._attempt(partial(self._start, vector, self._problem.space.digest(vector), seed), epochs)[0]

    def curve(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Curve:
        """Train ``config`` and give its learning curve; see `Benchmark.curve`.

        If memory runs out, that is the curve of what was reached till then, broken off; see `broken_off`.
        """
        epochs = self._problem.check_epochs(epochs)
        vector = self._problem.space.vector(config)
        key = (self._problem.space.digest(vector), seed)
        record, run = self._attempt(partial(self._resume, vector, *key), epochs)
        if run is None and self._paused:  # whether a run fits must not depend on what happens to be paused beside it
            self._paused.clear()
            free_memory()
            record, run = self._attempt(partial(self._start, vector, *key), epochs)
        seconds, further = self._paused.settle(key, record.curves["train_seconds"])
        curves = {**record.curves, "train_seconds": seconds}
        reached = to_curve(self._problem, vector, {name: values[:epochs] for name, values in curves.items()})
        if run is None:
            return broken_off(reached, epochs, seconds=further + record.lost_seconds, status=record.status)
        self._paused.keep(key, run)
        return reached

    def query(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        """Give the last point of `curve`."""
        epochs = self._problem.check_epochs(epochs)
        return self.curve(config, epochs=epochs, seed=seed).at(epochs)

    def query_batch(
        self, vectors: Vectors, epochs: NDArray[np.int64], seeds: NDArray[np.int64] | None = None
    ) -> tuple[Losses, NDArray[np.float64]]:
        """Answer several queries, one after the other; see `Benchmark.query_batch`."""
        replicates = np.zeros(len(vectors), dtype=np.int64) if seeds is None else seeds
        outcomes = [
            self.query(vector, epochs=int(epoch), seed=int(seed))
            for vector, epoch, seed in zip(vectors, epochs, replicates, strict=True)
        ]
        losses = np.array([outcome.losses for outcome in outcomes]).reshape(-1, len(self._problem.objectives))
        return losses, np.array([outcome.seconds for outcome in outcomes])

    def _attempt(self, begin: Callable[[], TrainingRun], epochs: int) -> tuple[RunRecord, TrainingRun | None]:
        return attempt(begin, epochs, started=time.time(), now=self._now)

    def _start(self, vector: Vector, digest: str, seed: int) -> TrainingRun:
        config = self._problem.space.decode(vector)
        return TrainingRun(
            config,
            seed,
            digest,
            data=self._data,
            device=self._device,
            threads=self._threads,
            precision=self._precision,
        )

    def _resume(self, vector: Vector, digest: str, seed: int) -> TrainingRun:
        """Take up the paused run, or start one."""
        return self._paused.take((digest, seed)) or self._start(vector, digest, seed)

    def _now(self) -> float:
        return clock(self._device, self._threads)
