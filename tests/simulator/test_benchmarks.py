"""Opening benchmarks by name or path, and what it says when it cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bagbench.problems import get_problem
from bagbench.problems.errors import BagbenchError, FileProblem, InvalidArgument, MissingExtra, UnknownName
from bagbench.simulator import benchmarks
from bagbench.simulator.benchmarks import open_benchmark


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    """Put a class into ``module`` that keeps what it was constructed with."""

    def construct(*arguments: object, **options: object) -> SimpleNamespace:
        return SimpleNamespace(kind=name, arguments=arguments, options=options)

    fake: Any = ModuleType(module)
    setattr(fake, name, construct)
    monkeypatch.setitem(sys.modules, module, fake)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped files, and stand-ins for the classes that would read them."""
    for name in ("digits.h5", "digits.onnx"):
        (tmp_path / name).touch()
    monkeypatch.setattr(benchmarks, "DATA", tmp_path)
    stand_in(monkeypatch, "bagbench.tables.benchmark", "TableBenchmark")
    stand_in(monkeypatch, "bagbench.surrogates.benchmark", "SurrogateBenchmark")
    stand_in(monkeypatch, "bagbench.problems.trainer", "Trainer")
    return tmp_path


def opened(*arguments: Any, **options: Any) -> Any:
    return open_benchmark(*arguments, **options)


def test_a_name_opens_the_shipped_surrogate(data: Path) -> None:
    benchmark = opened("digits")
    assert benchmark.kind == "SurrogateBenchmark"
    assert benchmark.arguments == (data / "digits.onnx",)
    assert benchmark.options == {"noise": "mean", "objectives": None}


def test_options_reach_the_surrogate(data: Path) -> None:
    benchmark = opened("digits", "surrogate", noise="sample", objectives=["val_loss", "log10_macs"])
    assert benchmark.options == {"noise": "sample", "objectives": ("val_loss", "log10_macs")}


def test_a_name_and_the_source_table_open_the_shipped_table(data: Path) -> None:
    benchmark = opened("digits", "table", objectives=iter(["val_loss"]))
    assert benchmark.kind == "TableBenchmark"
    assert benchmark.arguments == (data / "digits.h5",)
    assert benchmark.options == {"objectives": ("val_loss",), "snap": False}


@pytest.mark.parametrize(
    ("objectives", "names"), [(None, ("val_error", "log10_params")), (["val_loss"], ("val_loss",))]
)
def test_a_name_and_the_source_trainer_open_the_trainer(
    objectives: Iterable[str] | None, names: tuple[str, ...], data: Path
) -> None:
    benchmark = opened("digits", "trainer", objectives=objectives)
    assert benchmark.kind == "Trainer"
    assert benchmark.arguments[0].name == "digits"
    assert benchmark.arguments[0].objective_names == names


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("digits.h5", None, "TableBenchmark"),
        ("digits.h5", "table", "TableBenchmark"),
        ("digits.onnx", None, "SurrogateBenchmark"),
        ("digits.onnx", "surrogate", "SurrogateBenchmark"),
    ],
)
def test_a_path_opens_what_it_is(name: str, source: str | None, expected: str, kind: type, data: Path) -> None:
    benchmark = opened(kind(data / name), source)
    assert benchmark.kind == expected
    assert benchmark.arguments == (data / name,)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("digit", {}, UnknownName, "unknown problem 'digit': .* did you mean 'digits'"),
        ("digits", {"source": "surogate"}, UnknownName, "unknown source 'surogate': .* did you mean 'surrogate'"),
        ("digits", {"noise": "means"}, UnknownName, "unknown noise 'means': .* did you mean 'mean'"),
        ("digits", {"source": "trainer", "objectives": ["val_eror"]}, UnknownName, "did you mean 'val_error'"),
        ("digits", {"source": "table", "noise": "sample"}, InvalidArgument, "noise='sample' is for surrogates"),
        (
            "mine.csv",
            {},
            InvalidArgument,
            r"mine.csv is neither a problem \(.*digits.*\) nor a path: expected one that",
        ),
        ("a/b", {}, InvalidArgument, "a/b is neither a problem"),
        (
            "mine.h5",
            {"source": "surrogate"},
            InvalidArgument,
            "is a table, got source 'surrogate': expected source='tab",
        ),
        ("mine.onnx", {"source": "trainer"}, InvalidArgument, "is a surrogate, got source 'trainer'"),
        ("mine.h5", {}, FileProblem, "mine.h5: no such file: expected a table"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    name: str, options: dict[str, Any], error: type[BagbenchError], message: str, data: Path
) -> None:
    with pytest.raises(error, match=message):
        open_benchmark(name, **options)


@pytest.mark.parametrize(("source", "remedy"), [("table", "bagbench populate digits"), ("surrogate", "bagbench fit")])
def test_a_problem_without_the_file_says_how_to_make_one(source: str, remedy: str, data: Path) -> None:
    for path in data.iterdir():
        path.unlink()
    with pytest.raises(FileProblem, match=f"no {source} of 'digits' is shipped: expected .*{remedy}"):
        open_benchmark("digits", source)


def test_the_trainer_without_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("bagbench.problems.trainer", "bagbench.problems.training_run"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delitem(sys.modules, "bagbench.problems.network", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"the true trainer needs torch, .* pip install 'bagbench\[train\]'"):
        open_benchmark("digits", "trainer")


def test_an_import_error_of_something_else_is_not_blamed_on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bagbench.problems.trainer", None)
    with pytest.raises(ModuleNotFoundError, match="trainer"):
        open_benchmark("digits", "trainer")


@pytest.mark.parametrize("source", ["surrogate", "table"])
def test_the_shipped_benchmarks_open(source: str) -> None:
    suffix = {"surrogate": ".onnx", "table": ".h5"}[source]
    if not (benchmarks.DATA / f"digits{suffix}").is_file():
        pytest.skip(f"no {source} of digits yet")
    benchmark = open_benchmark("digits", source)
    assert benchmark.problem.space == get_problem("digits").space
    assert benchmark.problem.objective_names == ("val_error", "log10_params")
