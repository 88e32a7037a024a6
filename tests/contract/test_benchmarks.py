"""What every benchmark promises, whoever answers: trainer, table or surrogate. A new one is one more line below."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.benchmark import Benchmark
from bagbench.problems.errors import InvalidArgument, InvalidConfiguration, UnknownName
from bagbench.problems.problem import Losses, Vectors
from bagbench.simulator.benchmarks import DATA
from bagbench.tables.benchmark import TableBenchmark
from bagbench.tables.table import Table

GOLDEN = Path(__file__).parents[1] / "golden" / "table-v1.h5"
SURROGATE = DATA / "digits.onnx"

Open = Callable[[tuple[str, ...] | None], Benchmark]
"""Opens the same benchmark afresh, with these objectives."""


@dataclass(frozen=True)
class Subject:
    """One benchmark under test."""

    open: Open
    vectors: Vectors
    """(n, d) configurations that it can answer."""
    epochs: int
    """How far a test may ask it to go."""
    seconds_repeat: bool = True
    """Whether asking another instance gives the same seconds; the trainer measures them."""


def trainer() -> Subject:
    from bagbench.problems.trainer import Trainer

    problem = get_problem("digits")

    def open_trainer(objectives: tuple[str, ...] | None) -> Benchmark:
        return Trainer(problem if objectives is None else problem.with_objectives(objectives), device="cpu")

    cheap = {
        "batch_norm": False,
        "batch_size": 256,
        "global_avg_pooling": True,
        "kernel_size": 3,
        "lr_init": 1e-3,
        "n_conv_l": 1,
        "n_conv_0": 4,
        "n_fc_l": 1,
        "n_fc_0": 4,
    }
    vectors = [problem.space.encode({**cheap, "lr_init": rate}) for rate in (1e-3, 1e-2, 1e-1)]
    return Subject(open_trainer, np.array(vectors), epochs=3, seconds_repeat=False)


def table() -> Subject:
    return Subject(
        lambda names: TableBenchmark(GOLDEN, objectives=names), Table.open(GOLDEN).runs.vectors[:3], epochs=25
    )


def snapping_table() -> Subject:
    foreign = get_problem("digits").space.sample(np.random.default_rng(1), 2)
    vectors = np.concatenate([Table.open(GOLDEN).runs.vectors[:1], foreign])
    return Subject(lambda names: TableBenchmark(GOLDEN, objectives=names, snap=True), vectors, epochs=25)


def surrogate(noise: str) -> Subject:
    if not SURROGATE.is_file():
        pytest.skip("no surrogate of digits is shipped")
    from bagbench.surrogates.benchmark import SurrogateBenchmark

    vectors = get_problem("digits").space.sample(np.random.default_rng(1), 3)
    return Subject(lambda names: SurrogateBenchmark(SURROGATE, noise=noise, objectives=names), vectors, epochs=25)


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "trainer": trainer,
    "table": table,
    "snapping table": snapping_table,
    "surrogate, mean": lambda: surrogate("mean"),
    "surrogate, sample": lambda: surrogate("sample"),
}


@pytest.fixture(params=SUBJECTS, scope="module")
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]()


@pytest.fixture(scope="module")
def benchmark_of(subject: Subject) -> Benchmark:
    return subject.open(None)


def global_state() -> str:
    """Show the states of the generators that everybody shares, and nobody may touch."""
    return f"{random.getstate()} {np.random.get_state(legacy=False)}"  # noqa: NPY002


class TestBenchmark:
    def test_is_a_benchmark_of_a_problem(self, benchmark_of: Benchmark) -> None:
        assert isinstance(benchmark_of, Benchmark)
        assert benchmark_of.problem.name == "digits"

    def test_curve_has_a_row_for_every_epoch_and_a_column_for_every_objective(
        self, benchmark_of: Benchmark, subject: Subject
    ) -> None:
        for epochs in (1, subject.epochs):
            curve = benchmark_of.curve(subject.vectors[0], epochs=epochs)
            assert curve.seconds.shape == (epochs,)
            assert curve.losses.shape == (epochs, len(benchmark_of.problem.objectives))
            assert curve.seconds.dtype == curve.losses.dtype == np.float64

    def test_seconds_are_positive_and_strictly_increasing(self, benchmark_of: Benchmark, subject: Subject) -> None:
        for vector in subject.vectors:
            seconds = benchmark_of.curve(vector, epochs=subject.epochs).seconds
            assert seconds[0] > 0
            assert all(before < after for before, after in pairwise(seconds))

    def test_longer_curve_begins_with_the_shorter_one(self, benchmark_of: Benchmark, subject: Subject) -> None:
        for vector in subject.vectors:
            long = benchmark_of.curve(vector, epochs=subject.epochs)
            for epochs in range(1, subject.epochs + 1):
                short = benchmark_of.curve(vector, epochs=epochs)
                np.testing.assert_array_equal(short.losses, long.losses[:epochs])
                np.testing.assert_array_equal(short.seconds, long.seconds[:epochs])

    def test_curve_query_and_batch_agree_bit_for_bit(self, benchmark_of: Benchmark, subject: Subject) -> None:
        n = len(subject.vectors)
        epochs = np.arange(n) % subject.epochs + 1
        losses, seconds = benchmark_of.query_batch(subject.vectors, epochs)
        assert losses.shape == (n, len(benchmark_of.problem.objectives))
        assert seconds.shape == (n,)
        for i, vector in enumerate(subject.vectors):
            outcome = benchmark_of.query(vector, epochs=int(epochs[i]))
            of_curve = benchmark_of.curve(vector, epochs=int(epochs[i])).at(int(epochs[i]))
            for other in (of_curve.losses, losses[i]):
                np.testing.assert_array_equal(outcome.losses, other)
            assert outcome.seconds == of_curve.seconds == seconds[i]
            assert outcome.status == of_curve.status == "ok"

    def test_batch_without_seeds_is_seed_zero(self, benchmark_of: Benchmark, subject: Subject) -> None:
        epochs, zeros = np.full(len(subject.vectors), 1), np.zeros(len(subject.vectors), dtype=np.int64)
        for given, default in zip(
            benchmark_of.query_batch(subject.vectors, epochs, zeros),
            benchmark_of.query_batch(subject.vectors, epochs),
            strict=True,
        ):
            np.testing.assert_array_equal(given, default)

    def test_empty_batch_has_empty_answers(self, benchmark_of: Benchmark, subject: Subject) -> None:
        losses, seconds = benchmark_of.query_batch(subject.vectors[:0], np.empty(0, dtype=np.int64))
        assert losses.shape == (0, len(benchmark_of.problem.objectives))
        assert seconds.shape == (0,)

    def test_answers_depend_neither_on_order_nor_on_instance(self, subject: Subject) -> None:
        forth, back = subject.open(None), subject.open(None)
        first = [forth.query(vector, epochs=epochs) for vector in subject.vectors for epochs in (1, 2)]
        second = [back.query(vector, epochs=epochs) for vector in subject.vectors[::-1] for epochs in (2, 1)][::-1]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.losses, other.losses)
            assert one.status == other.status
            if subject.seconds_repeat:
                assert one.seconds == other.seconds

    def test_dict_and_vector_are_the_same_configuration(self, benchmark_of: Benchmark, subject: Subject) -> None:
        space = benchmark_of.problem.space
        for vector in subject.vectors:
            config = space.decode(vector)
            by_dict = benchmark_of.query(config, epochs=1)
            by_vector = benchmark_of.query(space.encode(config), epochs=1)
            np.testing.assert_array_equal(by_dict.losses, by_vector.losses)
            assert by_dict.seconds == by_vector.seconds

    def test_losses_are_in_the_order_of_the_objectives(self, subject: Subject) -> None:
        names = ("log10_params", "val_error")
        turned, straight = subject.open(names), subject.open(names[::-1])
        assert turned.problem.objective_names == names
        for vector in subject.vectors:
            np.testing.assert_array_equal(
                turned.query(vector, epochs=2).losses, straight.query(vector, epochs=2).losses[::-1]
            )

    def test_known_objective_is_exact_at_every_epoch(self, subject: Subject) -> None:
        bench = subject.open(("log10_macs", "log10_params"))
        vector = subject.vectors[0]
        exact: Losses = bench.problem.known_losses(vector[None])[0]
        np.testing.assert_array_equal(bench.curve(vector, epochs=2).losses, [exact, exact])

    def test_full_fidelity_is_the_default(self, benchmark_of: Benchmark, subject: Subject) -> None:
        vector = subject.vectors[0]
        whole = benchmark_of.query(vector)
        np.testing.assert_array_equal(whole.losses, benchmark_of.query(vector, epochs=25).losses)

    def test_nothing_it_gives_can_be_used_to_change_it(self, benchmark_of: Benchmark, subject: Subject) -> None:
        vector = subject.vectors[0]
        before = benchmark_of.query(vector, epochs=2).losses.copy()
        curve = benchmark_of.curve(vector, epochs=2)
        for array in (curve.losses, curve.seconds, benchmark_of.query(vector, epochs=2).losses):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0.0
        losses, _ = benchmark_of.query_batch(vector[None], np.array([2]))
        if losses.flags.writeable:
            losses[...] = 0.0
        np.testing.assert_array_equal(benchmark_of.query(vector, epochs=2).losses, before)

    def test_input_is_not_changed(self, benchmark_of: Benchmark, subject: Subject) -> None:
        config = benchmark_of.problem.space.decode(subject.vectors[0])
        vector = benchmark_of.problem.space.encode(config)
        kept, kept_vector = dict(config), vector.copy()
        frozen = [vector[None].copy(), np.array([1]), np.array([0])]
        for array in frozen:
            array.flags.writeable = False
        benchmark_of.query(config, epochs=1)
        benchmark_of.curve(vector, epochs=1)
        benchmark_of.query_batch(frozen[0], frozen[1], frozen[2])
        assert config == kept
        np.testing.assert_array_equal(vector, kept_vector)
        assert vector.flags.writeable

    def test_no_global_random_state_is_touched(self, benchmark_of: Benchmark, subject: Subject) -> None:
        before = global_state()
        benchmark_of.query(subject.vectors[1], epochs=2)
        assert global_state() == before

    @pytest.mark.parametrize("epochs", [0, 26, -1, 1.5, float("nan"), float("inf"), "many"])
    def test_impossible_epochs_are_refused(self, benchmark_of: Benchmark, subject: Subject, epochs: object) -> None:
        message = rf"^epochs of 'digits' must be a whole number in \[1, 25\], got {epochs!r}$"
        for ask in (benchmark_of.query, benchmark_of.curve):
            with pytest.raises(InvalidArgument, match=message):
                ask(subject.vectors[0], epochs=epochs)  # type: ignore[arg-type]

    def test_impossible_epochs_in_a_batch_are_refused(self, benchmark_of: Benchmark, subject: Subject) -> None:
        with pytest.raises(InvalidArgument, match=r"^epochs of 'digits' must be a whole number in \[1, 25\], got 26$"):
            benchmark_of.query_batch(subject.vectors, np.array([1, 26, 1]))

    def test_configuration_outside_the_space_is_refused(self, benchmark_of: Benchmark, subject: Subject) -> None:
        config = benchmark_of.problem.space.decode(subject.vectors[0])
        for ask in (benchmark_of.query, benchmark_of.curve):
            with pytest.raises(
                InvalidConfiguration, match=r"^hyperparameter 'kernel_size' is 4: expected one of 3, 5, 7$"
            ):
                ask({**config, "kernel_size": 4})
            with pytest.raises(
                UnknownName, match=r"^unknown hyperparameter 'kernelsize': .*did you mean 'kernel_size'\?$"
            ):
                ask({**config, "kernelsize": 3})
            with pytest.raises(
                InvalidConfiguration, match=r"^vector 0, entry 0 \('batch_norm'\) is 7.0: expected one of"
            ):
                ask(np.where(np.arange(13) == 0, 7.0, subject.vectors[0]))
            with pytest.raises(
                InvalidConfiguration, match=r"^a vector of space 'digits' has shape \(13,\), got \(12,\)$"
            ):
                ask(subject.vectors[0][:12])

    def test_unknown_objective_is_refused(self, subject: Subject) -> None:
        with pytest.raises(
            UnknownName, match=r"^unknown objective of 'digits' 'val_eror': .*did you mean 'val_error'\?$"
        ):
            subject.open(("val_eror",))
