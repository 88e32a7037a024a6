"""What workers do: train runs, each with the trainer that its process keeps, and calibrate the cost of one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from ..problems import get_problem
from ..problems.datasets import load_data_set
from ..problems.errors import InvalidArgument
from ..problems.parameters import Value
from .designs import CostModel, work
from .executor import worker_number
from .runs import Entry

if TYPE_CHECKING:
    from ..problems.trainer import Trainer

_CALIBRATION_RUNS = 12

training = threading.Lock()
"""Held while a run is trained: a cluster's worker may have several threads, but processor seconds are the process's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know to train one run; plain data, so that any executor can send it."""

    problem: str
    config: dict[str, Value]
    digest: str
    seed: int
    inclusion_probability: float
    index: int
    epochs: int | None
    device: str
    precision: str
    runs_per_device: int


def train_task(task: Task) -> Entry:
    """Train one run and give its journal entry; runs on a worker."""
    trainer = open_trainer(task.problem, task.device, task.precision, task.runs_per_device)
    vector = trainer.problem.space.encode(task.config)
    with training:
        record = trainer.record(vector, epochs=task.epochs, seed=task.seed)
    return {
        "index": task.index,
        "digest": task.digest,
        "config": task.config,
        "seed": task.seed,
        "inclusion_probability": task.inclusion_probability,
        "status": record.status,
        "error": record.error,
        "started": record.started,
        "environment": trainer.environment,
        "curves": {name: values.tolist() for name, values in record.curves.items()},
    }


@cache
def open_trainer(problem: str, device: str, precision: str = "float32", runs_per_device: int = 1) -> Trainer:
    """Open the trainer of a shipped problem, once a process; local workers are dealt the GPUs in turn.

    Raises
    ------
    UnknownName, InvalidArgument
        If there is no such problem, device or precision.
    MissingExtra
        If torch is not installed.
    """
    shipped = get_problem(problem)
    from ..problems.device import list_devices
    from ..problems.trainer import Trainer

    devices = list_devices(device)
    dealt = devices[worker_number() % len(devices)]
    return Trainer(shipped, device=dealt, precision=precision, runs_per_device=runs_per_device)


def share_out(device: str, jobs: int | None, runs_per_device: int | None) -> tuple[int, int]:
    """Settle how many local processes there are, and how many of them share a GPU (1 without GPUs).

    Raises
    ------
    UnknownName, InvalidArgument
        If there is no such device, both numbers are given, or a number per device where there is no GPU.
    MissingExtra
        If torch is not installed.
    """
    from ..problems.device import list_devices

    devices = list_devices(device)
    on_gpus = devices[0].startswith("cuda")
    if runs_per_device is None:
        jobs = 1 if jobs is None else jobs
        return jobs, max(1, ceil(jobs / len(devices))) if on_gpus else 1
    if not on_gpus or jobs is not None or runs_per_device < 1:
        raise InvalidArgument(
            f"runs per device are for GPUs, at least 1, and instead of jobs: got {runs_per_device} on {devices[0]!r}"
            + ("" if jobs is None else f" and jobs {jobs}")
        )
    return runs_per_device * len(devices), runs_per_device


def calibrate(name: str, device: str, precision: str) -> CostModel:
    """Fit the coefficients of `CostModel` to the second epoch of a few random configurations; runs on a worker.

    Least squares of relative errors, coefficients not below zero.

    Raises
    ------
    InvalidArgument
        If hardly any of them fits into the device's memory.
    """
    from scipy.optimize import nnls

    problem = get_problem(name)
    images = len(load_data_set(name).train.labels)
    vectors = problem.space.sample(np.random.default_rng(0), _CALIBRATION_RUNS)
    trainer = open_trainer(name, device, precision)
    with training:
        timed = [trainer.record(vector, epochs=2).curves["train_seconds"][1:] for vector in vectors]
    vectors = vectors[[len(seconds) == 1 for seconds in timed]]
    if len(vectors) < 2:
        raise InvalidArgument(f"{name!r} cannot be calibrated on {device}: its configurations do not fit into memory")
    seconds = np.concatenate(timed)
    steps, weights, macs = work(problem, vectors, images)
    terms = np.stack([steps, steps * weights, macs * images], axis=1)
    scale = terms.mean(axis=0)
    coefficients, _ = nnls(terms / scale / seconds[:, None], np.ones(len(seconds)))
    per_step, per_weight, per_mac = (coefficients / scale).tolist()
    return CostModel(per_step=per_step, per_weight=per_weight, per_mac=per_mac)
