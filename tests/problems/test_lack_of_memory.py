"""Questions for which memory runs out are answered: what was reached, no losses from there on, and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.benchmark import Curve
from bagbench.problems.record import broken_off

torch = pytest.importorskip("torch")

from bagbench.problems import training_run as module  # noqa: E402 - it needs torch
from bagbench.problems.trainer import Trainer  # noqa: E402
from bagbench.problems.training_run import TrainingRun  # noqa: E402

SMALL: dict[str, Any] = {
    "batch_norm": True,
    "batch_size": 96,
    "global_avg_pooling": False,
    "kernel_size": 3,
    "lr_init": 0.01,
    "n_conv_l": 1,
    "n_conv_0": 6,
    "n_fc_l": 1,
    "n_fc_0": 8,
}
ERRORS = {
    "a GPU's, for the network": (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"), -1),
    "Python's, at once": (MemoryError(), 0),
    "a library's, later": (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(h)`"), 2),
}
"""What is raised, and after how many epochs; -1: while the network is built."""


@pytest.fixture
def trainer() -> Trainer:
    return Trainer(get_problem("digits"), device="cpu")


@pytest.fixture
def run_out(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception, int], None]:
    """Let memory run out in the epoch after ``epochs`` epochs of any run, or while a network is built (-1)."""

    def prepare(error: Exception, epochs: int) -> None:
        train = TrainingRun._train_epoch

        def full(run: TrainingRun) -> float:
            if len(run.curves["train_loss"]) == epochs:
                raise error
            return train(run)

        def refuse(*_: object) -> None:
            raise error

        if epochs < 0:
            monkeypatch.setattr(module, "build_network", refuse)
        else:
            monkeypatch.setattr(TrainingRun, "_train_epoch", full)

    return prepare


@pytest.mark.parametrize(("error", "reached"), ERRORS.values(), ids=ERRORS)
def test_running_out_of_memory_is_an_answer_without_losses(
    trainer: Trainer,
    run_out: Callable[[Exception, int], None],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reached: int,
) -> None:
    whole = Trainer(trainer.problem, device="cpu").curve(SMALL, epochs=4)
    run_out(error, reached)
    curve, outcome = trainer.curve(SMALL, epochs=4), trainer.query(SMALL, epochs=4)
    assert curve.status == outcome.status == "out_of_memory"
    assert np.isnan(outcome.losses).all()
    assert outcome.seconds > 0
    done = max(reached, 0)
    np.testing.assert_array_equal(curve.losses[:done], whole.losses[:done])  # those are real
    assert np.isnan(curve.losses[done:]).all()
    losses, seconds = trainer.query_batch(trainer.problem.space.encode(SMALL)[None], np.array([4]))
    assert np.isnan(losses).all()
    assert seconds[0] > 0
    # Nobody is any the worse for it.
    monkeypatch.undo()
    np.testing.assert_array_equal(trainer.curve(SMALL, epochs=4).losses, whole.losses)


def test_going_on_fails_at_the_price_of_what_came_before_and_the_epoch_that_failed(
    trainer: Trainer, run_out: Callable[[Exception, int], None]
) -> None:
    before = trainer.query(SMALL, epochs=2)
    run_out(MemoryError(), 3)
    curve = trainer.curve(SMALL, epochs=6)
    assert curve.seconds[1] == before.seconds
    assert np.isnan(curve.losses[:, 0]).tolist() == [False] * 3 + [True] * 3
    steps = np.diff(curve.seconds)
    assert steps[2] > 1e-6 > steps[3] > 0  # the epoch that failed was begun, the others were not


def test_other_errors_are_raised(trainer: Trainer, run_out: Callable[[Exception, int], None]) -> None:
    run_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"), 0)
    with pytest.raises(RuntimeError, match="^mat1 and mat2"):
        trainer.query(SMALL, epochs=1)


def test_what_is_paused_makes_way_before_a_run_fails(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for memory that holds one run and its successor, but not three."""
    alone = Trainer(trainer.problem, device="cpu").query(SMALL, epochs=2, seed=2)
    train = TrainingRun._train_epoch

    def crowded(run: TrainingRun) -> float:
        if len(trainer._paused) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return train(run)

    monkeypatch.setattr(TrainingRun, "_train_epoch", crowded)
    outcomes = [trainer.query(SMALL, epochs=2, seed=seed) for seed in range(3)]
    assert [outcome.status for outcome in outcomes] == ["ok"] * 3
    np.testing.assert_array_equal(outcomes[2].losses, alone.losses)


@pytest.mark.parametrize("reached", [0, 1, 3])
def test_a_curve_that_broke_off_goes_on_without_losses(reached: int) -> None:
    curve = Curve(seconds=np.arange(1.0, reached + 1), losses=np.ones((reached, 2)), status="diverged")
    broken = broken_off(curve, 4, seconds=2.5, status="failed")
    assert broken.status == "failed"
    assert broken.seconds[:reached].tolist() == curve.seconds.tolist()
    assert broken.seconds[reached] == reached + 2.5
    np.testing.assert_allclose(broken.seconds[reached:], reached + 2.5, rtol=1e-15)
    assert np.isnan(broken.losses).all(axis=1).tolist() == [False] * reached + [True] * (4 - reached)
