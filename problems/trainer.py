"""The true trainer: it answers by training, with the recipe of the seed paper.

Adam with the configured learning rate, cross-entropy, the configured batch size, shuffled, no schedule and no
augmentation; the last, smaller batch of an epoch is kept; validation and test are scored after every epoch.
Data stay on the device; there is no DataLoader.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from .benchmark import Curve, Outcome
from .datasets import DataSet, load_data_set
from .environment import software
from .errors import MissingExtra

try:
    import torch
    from torch.nn.functional import cross_entropy
except ModuleNotFoundError as error:
    raise MissingExtra.for_package("torch", "train", "the true trainer") from error

from .adam import FusedAdam
from .attempt import attempt
from .device import autocast, check_precision, computing, free_memory, pick_device, settings, share_memory
from .network import build_network, largest_map
from .parameters import Value
from .paused import PAUSED_BYTES, PausedRuns
from .problem import Losses, Problem, Vectors
from .record import CURVES, RunRecord, broken_off, has_diverged, to_curve
from .resident import resident
from .space import Config, Vector

_EVALUATION_BATCH = 1024
_EVALUATION_NUMBERS = 2**23
"""Numbers in a feature map of one evaluation batch, 32 MiB: wide networks on large images take smaller batches, which
is faster, too, because larger blocks of memory come fresh from the system, page by page."""


class TrainingRun:
    """One training, advanced epoch by epoch; stopping and going on later changes nothing.

    The same (configuration, seed, device, threads, precision) gives the same curve, on the CPU to the last bit: every
    run draws from generators of its own, seeded from the configuration's digest and the seed.

    Parameters
    ----------
    config
        Natural values of the active parameters.
    seed
        Replicate.
    digest
        Digest of the configuration, see `Space.digest`.
    data
        What to train on.
    device
        Where; see `pick_device`.
    threads
        How many threads torch may use on the CPU.
    precision
        One of `PRECISIONS`; weights and Adam are float32 in all of them.
    """

    def __init__(
        self,
        config: Mapping[str, Value],
        seed: int,
        digest: str,
        *,
        data: DataSet,
        device: torch.device,
        threads: int = 1,
        precision: str = "float32",
    ) -> None:
        check_precision(precision, device)
        key = int.from_bytes(blake2b(f"{digest}/{seed}".encode(), digest_size=8).digest(), "little") >> 1
        self._device, self._threads, self._precision = device, threads, precision
        self._autocast = autocast(precision, device)
        self._batch_size = int(config["batch_size"])
        with torch.random.fork_rng(devices=[]), settings(device, threads, precision):
            torch.default_generator.manual_seed(key)  # torch.manual_seed would reseed the GPUs, too
            network = build_network(config, data.shape)
        self._network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._shuffle = torch.Generator().manual_seed(key + 1)
        self._parameters = list(self._network.parameters())
        self._adam = FusedAdam(self._parameters, float(config["lr_init"]))
        self._train, self._scored = resident(data, device)
        self._validation = len(data.validation.labels)
        fitting = _EVALUATION_NUMBERS // largest_map(config, data.shape)
        self._evaluation_batch = max(1, min(_EVALUATION_BATCH, fitting))
        self.curves: dict[str, list[float]] = {name: [] for name in CURVES}
        """Per-epoch quantities so far, see `bagbench.problems.record.CURVES`."""
        self.epoch_began = 0.0
        """What the clock showed when the epoch began that was trained last."""

    @property
    def status(self) -> str:
        """``"diverged"`` once a loss was NaN or infinite, else ``"ok"``."""
        return "diverged" if has_diverged(self.curves) else "ok"

    @property
    def bytes(self) -> int:
        """Bytes of the weights, of Adam's two means of each, and of the means of batch norm."""
        weights: int = sum(parameter.nbytes for parameter in self._parameters)
        means: int = sum(buffer.nbytes for buffer in self._network.buffers())
        return 3 * weights + means

    def advance(self, epochs: int) -> None:
        """Train until ``epochs`` epochs are done in all; a diverged network is trained and scored like any other."""
        with settings(self._device, self._threads, self._precision):
            while len(self.curves["train_loss"]) < epochs:
                self.epoch_began = start = self._now()
                train_loss = self._train_epoch()
                middle = self._now()
                values = (*self._score(), train_loss, middle - start, self._now() - middle)
                for name, value in zip(CURVES, values, strict=True):
                    self.curves[name].append(value)

    def _train_epoch(self) -> float:
        """Train one epoch; give the mean loss over its images."""
        images, labels = self._train
        order = torch.randperm(len(labels), generator=self._shuffle).to(self._device)
        batches = images[order].split(self._batch_size), labels[order].split(self._batch_size)
        total = torch.zeros((), device=self._device)
        self._network.train()
        for batch, targets in zip(*batches, strict=True):
            loss = cross_entropy(self._forward(batch), targets)
            loss.backward()
            self._adam.step()
            total += loss.detach() * len(targets)
        return float(total) / len(labels)

    @torch.no_grad()
    def _score(self) -> tuple[float, float, float]:
        """Give validation accuracy, test accuracy and mean validation cross-entropy."""
        images, labels = self._scored
        self._network.eval()
        scores = torch.cat([self._forward(batch) for batch in images.split(self._evaluation_batch)])
        correct = scores.argmax(dim=1) == labels
        cut = self._validation
        loss = cross_entropy(scores[:cut], labels[:cut])
        return float(correct[:cut].sum()) / cut, float(correct[cut:].sum()) / (len(labels) - cut), float(loss)

    def _forward(self, images: torch.Tensor) -> torch.Tensor:
        """Give the scores (n, classes) of images, in float32 whatever the precision is."""
        with self._autocast:
            scores: torch.Tensor = self._network(images)
        return scores.float()

    def _now(self) -> float:
        return _now(self._device, self._threads)


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
        return _now(self._device, self._threads)


def _now(device: torch.device, threads: int) -> float:
    """Read the clock: processor seconds for one CPU thread (so a busy machine costs nothing), else real time."""
    if device.type == "cpu":
        return time.process_time() if threads == 1 else time.perf_counter()
    torch.cuda.synchronize(device)
    return time.perf_counter()
