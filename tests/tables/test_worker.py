"""Workers: GPUs are dealt out in turn and shared on request, and what a run costs is measured where it is trained."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bagbench.problems import get_problem  # noqa: E402 - the rest needs torch
from bagbench.problems.errors import InvalidArgument  # noqa: E402
from bagbench.problems.record import RunRecord  # noqa: E402
from bagbench.problems.trainer import Trainer  # noqa: E402
from bagbench.tables import executor, worker  # noqa: E402
from bagbench.tables.designs import predicted_seconds  # noqa: E402


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)


@pytest.mark.parametrize(
    ("device", "jobs", "runs_per_device", "expected"),
    [
        ("cpu", None, None, (1, 1)),
        ("cpu", 5, None, (5, 1)),
        ("cuda", None, None, (1, 1)),
        ("cuda", 3, None, (3, 1)),
        ("cuda", 7, None, (7, 3)),
        ("auto", None, 2, (6, 2)),
        ("cuda:1", None, 2, (2, 2)),
        ("cuda:1", 4, None, (4, 4)),
    ],
)
def test_processes_share_the_gpus(
    three_gpus: None, device: str, jobs: int | None, runs_per_device: int | None, expected: tuple[int, int]
) -> None:
    assert worker.share_out(device, jobs, runs_per_device) == expected


@pytest.mark.parametrize(
    ("device", "jobs", "runs_per_device", "got"),
    [("cpu", None, 2, "2 on 'cpu'"), ("cuda", 4, 2, "2 on 'cuda:0' and jobs 4"), ("cuda", None, 0, "0 on 'cuda:0'")],
)
def test_sharing_that_makes_no_sense_is_refused(
    three_gpus: None, device: str, jobs: int | None, runs_per_device: int, got: str
) -> None:
    message = f"^runs per device are for GPUs, at least 1, and instead of jobs: got {re.escape(got)}$"
    with pytest.raises(InvalidArgument, match=message):
        worker.share_out(device, jobs, runs_per_device)


def test_workers_are_dealt_the_gpus_in_turn(three_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str, int]] = []

    def make(problem: object, *, device: str, precision: str, runs_per_device: int) -> object:
        made.append((device, precision, runs_per_device))
        return object()

    monkeypatch.setattr("bagbench.problems.trainer.Trainer", make)
    for number in range(6):
        monkeypatch.setattr(executor, "_number", number)
        worker.open_trainer.__wrapped__("digits", "cuda", "tf32", 2)
    assert made == [(f"cuda:{number % 3}", "tf32", 2) for number in range(6)]


def test_calibration_predicts_the_seconds_that_trainings_take() -> None:
    problem = get_problem("digits")
    cost = worker.calibrate("digits", "cpu", "float32")
    assert cost.per_step > 0
    vectors = problem.space.sample(np.random.default_rng(1), 8)
    trainer = worker.open_trainer("digits", "cpu")
    taken = np.array([trainer.record(vector, epochs=2).curves["train_seconds"][1] * 25 for vector in vectors])
    ratios = predicted_seconds(problem, vectors, cost, 1000) / taken
    assert 0.3 < np.exp(np.log(ratios).mean()) < 3.0


def test_calibration_leaves_out_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = {"train_seconds": np.array([2.0, 1.0])}
    fitting = RunRecord(status="ok", curves=curves, started=0.0)
    too_large = RunRecord(status="out_of_memory", curves={"train_seconds": np.array([2.0])}, started=0.0)
    records = iter([fitting, too_large] * 6)
    monkeypatch.setattr(Trainer, "record", lambda *_, **__: next(records))
    assert worker.calibrate("digits", "cpu", "float32").per_step > 0
    monkeypatch.setattr(Trainer, "record", lambda *_, **__: too_large)
    message = "^'digits' cannot be calibrated on cpu: its configurations do not fit into memory$"
    with pytest.raises(InvalidArgument, match=message):
        worker.calibrate("digits", "cpu", "float32")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_processes_on_one_gpu_train_at_once() -> None:
    jobs, sharing = worker.share_out("cuda:0", None, 2)
    with executor.open_executor(jobs, processes=True) as pool:
        futures = [pool.submit(environment, sharing) for _ in range(jobs)]
        for future in futures:
            assert future.result()["runs_per_device"] == "2"


def environment(sharing: int) -> dict[str, str]:
    trainer = worker.open_trainer("digits", "cuda:0", "float32", sharing)
    assert trainer.record(trainer.problem.space.sample(np.random.default_rng(0), 1)[0], epochs=1).status == "ok"
    return trainer.environment
