"""One true training, epoch by epoch, with the recipe of the seed paper.

Adam with the configured learning rate, cross-entropy, the configured batch size, shuffled, no schedule and no
augmentation; the last, smaller batch of an epoch is kept; validation and test are scored after every epoch.
Data stay on the device; there is no DataLoader.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import blake2b

import torch
from torch.nn.functional import cross_entropy

from .adam import FusedAdam
from .datasets import DataSet
from .device import autocast, check_precision, settings
from .network import build_network, largest_map
from .parameters import Value
from .record import CURVES, has_diverged
from .resident import resident

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
        return clock(self._device, self._threads)


def clock(device: torch.device, threads: int) -> float:
    """Read the clock: processor seconds for one CPU thread (so a busy machine costs nothing), else real time."""
    if device.type == "cpu":
        return time.process_time() if threads == 1 else time.perf_counter()
    torch.cuda.synchronize(device)
    return time.perf_counter()
