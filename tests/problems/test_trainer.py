"""The true trainer: the same seed gives the same curve anywhere, stopping changes nothing, nothing is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.datasets import load_data_set
from bagbench.problems.errors import InvalidArgument, UnknownName

torch = pytest.importorskip("torch")

from bagbench.problems.adam import FusedAdam  # noqa: E402 - it needs torch
from bagbench.problems.device import (  # noqa: E402
    flushes_denormals,
    list_devices,
    pick_device,
    products,
    share_memory,
)
from bagbench.problems.trainer import Trainer  # noqa: E402
from bagbench.problems.training_run import TrainingRun  # noqa: E402

SMALL: dict[str, Any] = {
    "batch_norm": True,
    "batch_size": 96,
    "global_avg_pooling": False,
    "kernel_size": 3,
    "lr_init": 0.01,
    "n_conv_l": 2,
    "n_conv_0": 6,
    "n_conv_1": 5,
    "n_fc_l": 1,
    "n_fc_0": 8,
}
MEASURED = ("val_accuracy", "test_accuracy", "val_loss", "train_loss")


@pytest.fixture
def trainer() -> Trainer:
    return Trainer(get_problem("digits").with_objectives(["val_error", "val_loss", "test_error"]), device="cpu")


def start(config: dict[str, Any], seed: int = 0) -> TrainingRun:
    digest = get_problem("digits").space.digest(config)
    return TrainingRun(config, seed, digest, data=load_data_set("digits"), device=torch.device("cpu"))


def test_same_seed_gives_the_same_curve_in_another_process(trainer: Trainer) -> None:
    code = (
        "import json, sys; from bagbench.problems import get_problem; from bagbench.problems.trainer import Trainer\n"
        "import torch; torch.manual_seed(5); torch.rand(3); torch.set_num_threads(2)\n"
        "problem = get_problem('digits').with_objectives(['val_error', 'val_loss', 'test_error'])\n"
        "curve = Trainer(problem, device='cpu').curve(json.loads(sys.argv[1]), epochs=3, seed=4)\n"
        "print(json.dumps(curve.losses.tolist()))"
    )
    command = [sys.executable, "-c", code, json.dumps(SMALL)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = trainer.curve(SMALL, epochs=3, seed=4).losses
    np.testing.assert_array_equal(json.loads(done.stdout), here)
    assert not np.array_equal(trainer.curve(SMALL, epochs=3, seed=5).losses, here)


def test_going_on_equals_never_having_stopped() -> None:
    stopped, other, straight = start(SMALL), start(SMALL, seed=1), start(SMALL)
    for epochs in (1, 3, 3, 4):
        stopped.advance(epochs)
        other.advance(epochs)  # another run in between
    straight.advance(4)
    for name in MEASURED:
        assert stopped.curves[name] == straight.curves[name]
        assert len(stopped.curves[name]) == 4


def test_adam_equals_torchs_bit_for_bit() -> None:
    def network() -> Any:
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))

    with torch.random.fork_rng(devices=[]):
        ours, fused, plain = network(), network(), network()
        inputs = torch.randn(20, 8, 5)
    adams = (
        FusedAdam(list(ours.parameters()), 0.03),
        torch.optim.Adam(fused.parameters(), lr=0.03, fused=True),
        torch.optim.Adam(plain.parameters(), lr=0.03, foreach=False, fused=False),
    )
    for batch in inputs:
        for model, adam in zip((ours, fused, plain), adams, strict=True):
            model.zero_grad()
            (model(batch) ** 2).sum().backward()
            adam.step()
    for mine, kernel, textbook in zip(ours.parameters(), fused.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine, kernel)
        torch.testing.assert_close(mine, textbook, rtol=1e-4, atol=1e-6)


def test_curve_is_one_of_learning(trainer: Trainer) -> None:
    curve = trainer.curve(SMALL, epochs=12)
    assert curve.losses[-1, 0] < 20.0 < curve.losses[0, 0]
    np.testing.assert_allclose(
        np.rint(curve.losses[:, 0] * 3.97) / 3.97, curve.losses[:, 0], atol=1e-9
    )  # of 397 images


def test_diverged_run_is_trained_on_and_has_the_worst_loss(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = trainer._start

    def poisoned(vector: Any, digest: str, seed: int) -> TrainingRun:
        run = begin(vector, digest, seed)
        run.advance(1)
        with torch.no_grad():
            next(run._network.parameters()).fill_(float("inf"))
        return run

    monkeypatch.setattr(trainer, "_start", poisoned)
    curve = trainer.curve(SMALL, epochs=3)
    assert curve.status == "diverged"
    assert curve.losses.shape == (3, 3)
    assert np.isfinite(curve.losses).all()
    assert curve.losses[0, 1] < 3.0
    assert curve.losses[1:, 1].tolist() == [100.0, 100.0]
    # What a shorter training says does not depend on how far the run has gone since.
    assert trainer.query(SMALL, epochs=1).status == "ok"
    assert trainer.query(SMALL, epochs=2).status == "diverged"
    record = trainer.record(trainer.problem.space.encode(SMALL), epochs=2)
    assert record.status == "diverged"
    assert {len(values) for values in record.curves.values()} == {2}


OUT_OF_MEMORY = {
    "a GPU's": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB\nand much more"),
    "Python's": MemoryError(),
    "numpy's": MemoryError("Unable to allocate 1. TiB for an array"),
    "a library's": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
}


@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY)
def test_running_out_of_memory_is_a_record_of_what_was_reached(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    vector = trainer.problem.space.encode(SMALL)
    whole = trainer.record(vector, epochs=4)
    train = TrainingRun._train_epoch

    def full(run: TrainingRun) -> float:
        if len(run.curves["train_loss"]) == 2:
            raise error
        return train(run)

    monkeypatch.setattr(TrainingRun, "_train_epoch", full)
    record = trainer.record(vector, epochs=4)
    assert record.status == "out_of_memory"
    assert record.error == (str(error).partition("\n")[0] or "MemoryError")
    assert record.started > 1.7e9
    assert {name: len(values) for name, values in record.curves.items()} == dict.fromkeys(whole.curves, 2)
    for name in MEASURED:
        np.testing.assert_array_equal(record.curves[name], whole.curves[name][:2])
    # Neither this run nor another one is any the worse for it.
    monkeypatch.undo()
    for name in MEASURED:
        np.testing.assert_array_equal(trainer.record(vector, epochs=4).curves[name], whole.curves[name])


def test_memory_that_was_never_there_is_a_record_without_epochs(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingRun, "_train_epoch", lambda _: torch.empty(2**60))
    record = trainer.record(trainer.problem.space.encode(SMALL), epochs=2)
    assert record.status == "out_of_memory"
    assert "DefaultCPUAllocator: can't allocate memory" in record.error
    assert {len(values) for values in record.curves.values()} == {0}


def test_what_a_failed_run_held_is_freed(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[weakref.ref[TrainingRun]] = []

    def full(run: TrainingRun) -> float:
        held.append(weakref.ref(run))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    freed: list[bool] = []
    monkeypatch.setattr(TrainingRun, "_train_epoch", full)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(held[0]() is None))
    trainer.record(trainer.problem.space.encode(SMALL), epochs=1)
    assert freed == [True]


def test_other_errors_are_not_taken_for_a_lack_of_memory(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: TrainingRun) -> float:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(TrainingRun, "_train_epoch", fail)
    with pytest.raises(RuntimeError, match="^mat1 and mat2"):
        trainer.record(trainer.problem.space.encode(SMALL), epochs=1)


@pytest.fixture
def state() -> Iterator[Callable[[], tuple[Any, ...]]]:
    """Give what a training could leave changed, and put it right in the end."""
    threads = torch.get_num_threads()

    def look() -> tuple[Any, ...]:
        return torch.get_num_threads(), flushes_denormals(), torch.get_rng_state().tolist()

    yield look
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("flushes", [False, True])
def test_torch_is_left_as_it_was(trainer: Trainer, state: Callable[[], tuple[Any, ...]], flushes: bool) -> None:
    torch.set_num_threads(2)
    torch.set_flush_denormal(flushes)
    before = state()
    assert before[1] == flushes
    trainer.query(SMALL, epochs=1, seed=11)
    assert state() == before


def test_torch_is_left_as_it_was_when_training_fails(
    trainer: Trainer, state: Callable[[], tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state()

    def fail(self: TrainingRun) -> float:
        assert torch.get_num_threads() == 1
        assert flushes_denormals()
        raise RuntimeError("a layer is missing")

    monkeypatch.setattr(TrainingRun, "_train_epoch", fail)
    with pytest.raises(RuntimeError, match="a layer is missing"):
        trainer.query(SMALL, epochs=1, seed=12)
    assert state() == before


def test_environment_says_what_runs_are_made_with(trainer: Trainer) -> None:
    environment = trainer.environment
    assert environment["torch"] == torch.__version__
    assert (environment["device"], environment["threads"], environment["clock"]) == ("cpu", "1", "processor seconds")
    assert environment["processor"]
    assert {type(value) for value in environment.values()} == {str}  # else reading them would import torch
    assert Trainer(trainer.problem, device="cpu", threads=2).environment["clock"] == "real seconds"


def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gpu", "cuda:x", "", "cpu:1:2"):
        with pytest.raises(UnknownName, match=f"^unknown device '{name}': expected one of auto, cpu, cuda"):
            pick_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    message = "^device 'cuda' asked for, but torch finds no GPU here: expected 'cpu' or 'auto'$"
    for name in ("cuda", "cuda:1"):
        with pytest.raises(InvalidArgument, match=message):
            pick_device(name)


def test_every_gpu_is_listed_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_devices("cpu") == ["cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert list_devices("cuda") == list_devices("auto") == ["cuda:0", "cuda:1", "cuda:2"]
    assert list_devices("cuda:1") == ["cuda:1"]


# --- precision -------------------------------------------------------------------------------------------------------


def test_bf16_learns_too_but_rounds(trainer: Trainer) -> None:
    rounded = Trainer(trainer.problem, device="cpu", precision="bf16")
    assert rounded.environment["precision"] == "bf16"
    assert trainer.environment["precision"] == "float32"
    vector = trainer.problem.space.encode(SMALL)
    exact, rough = trainer.record(vector, epochs=8), rounded.record(vector, epochs=8)
    assert not np.array_equal(exact.curves["train_loss"], rough.curves["train_loss"])
    np.testing.assert_allclose(rough.curves["train_loss"], exact.curves["train_loss"], rtol=0.2)
    np.testing.assert_array_equal(rounded.record(vector, epochs=2).curves["train_loss"], rough.curves["train_loss"][:2])
    run = TrainingRun(SMALL, 0, "x", data=load_data_set("digits"), device=torch.device("cpu"), precision="bf16")
    run.advance(1)
    assert {parameter.dtype for parameter in run._parameters} == {torch.float32}


def test_precisions_that_are_not_there_are_refused() -> None:
    problem = get_problem("digits")
    with pytest.raises(UnknownName, match="^unknown precision 'bf61': expected one of bf16, float32, tf32; did you"):
        Trainer(problem, device="cpu", precision="bf61")
    message = "^precision 'tf32' is that of GPUs, got device 'cpu': expected 'float32'$"
    with pytest.raises(InvalidArgument, match=message):
        Trainer(problem, device="cpu", precision="tf32")


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_gpus_round_products_for_tf32_alone_and_are_left_as_they_were(precision: str) -> None:
    """Torch's own default rounds in convolutions, but not in matrix products."""
    settings = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [setting.allow_tf32 for setting in settings]
    with products(precision, torch.device("cuda")):
        assert [setting.allow_tf32 for setting in settings] == [precision == "tf32"] * 2
    assert [setting.allow_tf32 for setting in settings] == before == [True, False]


def test_processes_that_share_a_gpu_keep_to_their_share_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    gpu = torch.device("cuda:1")
    gigabyte = 2**30
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=16 * gigabyte))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, _: told.append(share))
    share_memory(gpu, 4)
    assert told == [(4 - 0.5) / 16]
    message = "^runs per device must leave each run more than 512 MiB of the GPU's 16384 MiB, got 32$"
    with pytest.raises(InvalidArgument, match=message):
        share_memory(gpu, 32)


def test_problem_without_data_is_refused() -> None:
    with pytest.raises(UnknownName, match="^unknown data set 'mine': expected one of digits"):
        Trainer(replace(get_problem("digits"), name="mine"))


def test_without_torch_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from bagbench.problems.errors import MissingExtra\n"
        "try:\n    import bagbench.problems.trainer\nexcept MissingExtra as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "the true trainer needs torch, which is not installed: pip install 'bagbench[train]'\n"


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.gpu
@needs_gpu
def test_run_too_large_for_the_gpu_leaves_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(get_problem("digits"), device="cuda")
    vector = trainer.problem.space.encode(SMALL)
    trainer.record(vector, epochs=1)  # the data set and the libraries' own memory stay from then on
    before = torch.cuda.memory_reserved()
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "_train_epoch", lambda _: torch.empty(2**45, device="cuda"))
        assert trainer.record(vector, epochs=1).status == "out_of_memory"
    assert torch.cuda.memory_reserved() <= before
    assert trainer.record(vector, epochs=1).status == "ok"


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_gpu_learns_at_lower_precision(precision: str) -> None:
    trainer = Trainer(get_problem("digits"), device="cuda", precision=precision)
    assert trainer.environment["precision"] == precision
    assert trainer.curve(SMALL, epochs=12).losses[-1, 0] < 30.0


@pytest.mark.gpu
@needs_gpu
def test_gpu_learns_like_the_processor() -> None:
    problem = get_problem("digits")
    on_gpu, here = (Trainer(problem, device=device).curve(SMALL, epochs=8) for device in ("cuda", "cpu"))
    assert abs(on_gpu.losses[-1, 0] - here.losses[-1, 0]) < 15.0
