"""Paused runs: bounded by their memory, and forgetting one changes no answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bagbench.problems import get_problem

torch = pytest.importorskip("torch")

from bagbench.optimizers import OPTIMIZERS  # noqa: E402 - only with torch
from bagbench.problems.paused import PausedRuns  # noqa: E402
from bagbench.problems.trainer import Trainer  # noqa: E402
from bagbench.problems.training_run import TrainingRun  # noqa: E402
from bagbench.simulator.simulate import simulate  # noqa: E402

SMALL: dict[str, Any] = {
    "batch_norm": True,
    "batch_size": 256,
    "global_avg_pooling": True,
    "kernel_size": 3,
    "lr_init": 0.01,
    "n_conv_l": 1,
    "n_conv_0": 6,
    "n_fc_l": 1,
    "n_fc_0": 8,
}
PROBLEM = get_problem("digits").with_objectives(["val_error", "val_loss", "test_error"])


class Sized:
    """Stands in for a run that takes so many bytes."""

    def __init__(self, size: int) -> None:
        self.bytes = size


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the runs that any trainer has started."""
    seeds: list[int] = []
    begin = Trainer._start

    def count(self: Trainer, vector: Any, digest: str, seed: int) -> TrainingRun:
        seeds.append(seed)
        return begin(self, vector, digest, seed)

    monkeypatch.setattr(Trainer, "_start", count)
    return seeds


def test_runs_used_longest_ago_are_forgotten_once_they_do_not_fit() -> None:
    paused, megabyte = PausedRuns(10 * 2**20), 2**20
    for number in range(4):
        paused.keep(("run", number), Sized(3 * megabyte))
    assert paused.bytes <= 10 * megabyte
    assert paused.take(("run", 0)) is None  # all four take more than 10
    first = paused.take(("run", 1))
    assert first is not None
    assert len(paused) == 2
    paused.keep(("run", 1), first)
    paused.keep(("run", 4), Sized(3 * megabyte))
    assert [paused.take(("run", number)) is None for number in (1, 2, 3, 4)] == [False, True, False, False]
    assert (len(paused), paused.bytes) == (0, 0)


def test_the_last_run_is_kept_however_large_it_is() -> None:
    paused = PausedRuns(0.0)
    for number in range(2):
        paused.keep(("run", number), Sized(2**40))
        assert len(paused) == 1
    paused.clear()
    assert (len(paused), paused.bytes, paused.take(("run", 1))) == (0, 0, None)


def test_many_small_runs_count_for_more_than_their_weights() -> None:
    paused = PausedRuns(2**20)
    for number in range(1000):
        paused.keep(("run", number), Sized(100))
    assert len(paused) < 20


def test_a_run_knows_what_it_takes() -> None:
    trainer = Trainer(PROBLEM, device="cpu")
    run = trainer._start(PROBLEM.space.encode(SMALL), "digest", 0)
    run.advance(1)
    weights = 6 * 9 + 6 + 2 * 6 + 6 * 8 + 8 + 8 * 10 + 10  # convolution, batch norm, two layers
    assert round(10 ** get_problem("digits").known_losses(PROBLEM.space.encode(SMALL)[None])[0, 1]) == weights
    assert run.bytes == 3 * 4 * weights + 2 * 4 * 6 + 8  # running means and variances, and how many batches there were


def test_the_bound_holds_for_a_trainer(started: list[int]) -> None:
    limit = 2**19
    trainer = Trainer(PROBLEM, device="cpu", paused_bytes=limit)
    for seed in range(6):
        trainer.query(SMALL, epochs=1, seed=seed)
        assert 0 < trainer._paused.bytes <= limit
    trainer.query(SMALL, epochs=2, seed=5)
    assert started == [*range(6)]
    trainer.query(SMALL, epochs=2, seed=0)
    assert started == [*range(6), 0]


def test_answers_are_the_same_whatever_is_kept(started: list[int]) -> None:
    forgetful, mindful = (Trainer(PROBLEM, device="cpu", paused_bytes=limit) for limit in (0.0, math.inf))
    asked = [(1, 0), (2, 1), (3, 0), (4, 1), (2, 0), (5, 0)]
    for epochs, seed in asked:
        one, other = (trainer.curve(SMALL, epochs=epochs, seed=seed) for trainer in (forgetful, mindful))
        np.testing.assert_array_equal(one.losses, other.losses)
        assert one.status == other.status == "ok"
    assert len(started) == 5 + 2  # the last two of the forgetful one's six are of the same run


def test_what_was_measured_stands_when_a_forgotten_run_is_trained_again() -> None:
    trainer = Trainer(PROBLEM, device="cpu", paused_bytes=0.0)
    first = trainer.curve(SMALL, epochs=3)
    trainer.query(SMALL, epochs=1, seed=1)
    assert trainer.query(SMALL, epochs=2).seconds == first.at(2).seconds
    trainer.query(SMALL, epochs=1, seed=1)
    np.testing.assert_array_equal(trainer.curve(SMALL, epochs=5).seconds[:3], first.seconds)


def test_a_forgotten_run_that_fails_is_charged_no_less_than_it_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(PROBLEM, device="cpu", paused_bytes=0.0)
    monkeypatch.setattr(TrainingRun, "_now", iter(np.arange(0.0, 1e6, 1e3)).__next__)
    paid = trainer.query(SMALL, epochs=2).seconds
    assert paid == 2000.0
    monkeypatch.undo()
    trainer.query(SMALL, epochs=1, seed=1)

    def full(_: TrainingRun) -> float:
        raise MemoryError

    monkeypatch.setattr(TrainingRun, "_train_epoch", full)
    failed = trainer.query(SMALL, epochs=3)
    assert failed.status == "out_of_memory"
    assert paid < failed.seconds < paid + 100


def test_races_are_the_same_whatever_is_kept() -> None:
    """All but the seconds, which are measured: so one worker, and a number of trials."""
    histories = []
    for limit in (0.0, math.inf):
        optimizer = OPTIMIZERS["mo-asha"](PROBLEM, seed=0)
        histories.append(simulate(Trainer(PROBLEM, device="cpu", paused_bytes=limit), optimizer, budget_evaluations=5))
    forgetful, mindful = histories
    assert (mindful.resume_from > 0).any()
    assert forgetful.digests.tolist() == mindful.digests.tolist()
    np.testing.assert_array_equal(forgetful.losses, mindful.losses)
