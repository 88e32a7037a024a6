"""Mistakes at the command line: one line that says what to type instead, exit code 2, and nothing written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bagbench.tables.worker import open_trainer

Command = Callable[..., Any]

GOOD = {
    "batch_norm": False,
    "batch_size": 64,
    "global_avg_pooling": True,
    "kernel_size": 3,
    "lr_init": 0.001,
    "n_conv_0": 4,
    "n_conv_l": 1,
    "n_fc_0": 4,
    "n_fc_l": 1,
}


def changed(**values: object) -> str:
    return json.dumps({name: value for name, value in {**GOOD, **values}.items() if value is not None})


QUERY = "query {surrogate} --config"
COMPARE = "compare {surrogate} --jobs 1 --evaluations 3 --out out"

MISTAKES: dict[str, tuple[str, tuple[object, ...], str]] = {
    "unknown problem": ("info", ("digitz",), r"unknown problem 'digitz': expected one of digits, .*; did you mean"),
    "problem of no kind": ("info", ("digits.csv",), r"expected one that ends in \.h5 .* or \.onnx"),
    "unknown source": (QUERY, (changed(), "--source", "oracle"), "unknown source 'oracle': expected one of surrogate"),
    "source of another kind": (QUERY, (changed(), "--source", "table"), "is a surrogate, got source 'table'"),
    "unknown noise": (QUERY, (changed(), "--noise", "loud"), "unknown noise 'loud': expected one of mean, sample"),
    "noise of a table": ("query {table} --config", (changed(), "--noise", "sample"), "noise='sample' is for surrog"),
    "unknown objective": (QUERY, (changed(), "--objectives", "val_eror"), "unknown objective .*mean 'val_error'"),
    "objective named twice": (QUERY, (changed(), "--objectives", "val_error,val_error"), "one or more different names"),
    "unknown hyperparameter": (QUERY, (changed(lr=0.1),), "unknown hyperparameter 'lr': expected one of"),
    "value out of range": (QUERY, (changed(lr_init=2.0),), r"'lr_init' is 2.0: expected a number in \[1e-05, 1\]"),
    "value of another type": (QUERY, (changed(n_conv_0="many"),), "'n_conv_0' is 'many': expected an integer in"),
    "inactive parameter": (QUERY, (changed(n_conv_1=8),), r"'n_conv_1' is inactive here \(it needs .*\): leave it out"),
    "missing parameter": (QUERY, (changed(lr_init=None),), "'lr_init' is missing: expected a number"),
    "missing active parameter": (QUERY, (changed(n_conv_l=2),), r"'n_conv_1' is missing \(active because"),
    "configuration no JSON": (QUERY, ("{lr_init: 0.1}",), "--config is not JSON .* in single quotes .*bagbench info"),
    "configuration no object": (QUERY, ("[1, 2]",), r"--config is a JSON list, got '\[1, 2\]': expected an object"),
    "no epochs": (QUERY, (changed(), "--epochs", 0), r"epochs of 'digits' must be a whole number in \[1, 25\], got 0"),
    "too many epochs": (QUERY, (changed(), "--epochs", 26), r"in \[1, 25\], got 26"),
    "not in the table": ("query {table} --config", (changed(),), "not in the table; the nearest that is"),
    "unknown optimizer": (COMPARE, ("--optimizers", "shemoa"), "unknown optimizer 'shemoa'.*did you mean 'sh-emoa'"),
    "no optimizer": (COMPARE, ("--optimizers", ","), "optimizers must be one or more different ones, got"),
    "optimizer named twice": (COMPARE, ("--optimizers", "sh-emoa,sh-emoa"), "one or more different ones"),
    "unknown objective to race for": (COMPARE, ("--objectives", "speed"), "unknown objective of 'digits' 'speed'"),
    "no hours": ("compare {surrogate}", ("--budget-hours", 0), "--budget-hours is 0: expected a number above 0"),
    "hours that are no number": ("compare {surrogate}", ("--budget-hours", "nan"), "--budget-hours is nan: expected"),
    "endless hours": ("compare {surrogate}", ("--budget-hours", "inf"), "expected a positive, finite number"),
    "no evaluations": ("compare {surrogate}", ("--evaluations", -1), "--evaluations is -1: expected a whole number"),
    "both budgets": (COMPARE, ("--budget-hours", 1), "both --budget-hours 1 and --evaluations 3 .* expected one"),
    "no seeds": (COMPARE, ("--seeds", 0), "--seeds is 0: expected a whole number, 1 or more; without --seeds"),
    "no jobs": (COMPARE, ("--jobs", 0), "--jobs is 0"),
    "no workers": (COMPARE, ("--workers", 0), "--workers is 0"),
    "no experiment to report": ("report", ("nowhere",), "expected the experiment.json of a folder that `bagbench comp"),
    "no experiment to validate": ("validate", ("nowhere",), "expected the experiment.json of a folder"),
    "nothing to retrain": ("validate", ("nowhere", "--runs", 0), "--runs is 0: expected a whole number, 1 or more"),
    "no table to fit": ("fit nowhere.h5", ("--out", "mine.onnx"), r"nowhere\.h5"),
    "unknown model": ("fit {table}", ("--out", "mine.onnx", "--model", "forest"), "unknown model 'forest': expected"),
    "surrogate of another name": ("fit {table}", ("--out", "mine.bin"), r"expected a name that ends in \.onnx"),
    "no folder for the surrogate": ("fit {table}", ("--out", "no/mine.onnx"), "there is no folder no; make it first"),
    "no folder for the card": (
        "fit {table}", ("--out", "mine.onnx", "--card", "no/card.json"), "there is no folder no; make it first"
    ),
}  # fmt: skip


def is_one_line(text: str) -> bool:
    return text.startswith("bagbench: ") and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_explained_in_a_line(
    mistake: str, bagbench: Command, table: Path, surrogate: Path, empty_folder: Path
) -> None:
    command, words, explanation = MISTAKES[mistake]
    ran = bagbench(*command.format(table=table, surrogate=surrogate).split(), *words)
    assert ran.code == 2
    assert ran.out == ""
    assert is_one_line(ran.err)
    assert re.search(explanation, ran.err)
    assert not list(empty_folder.iterdir())


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "altered": lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:],
    "foreign": lambda content: b"name,value\n" * 100,
}


@pytest.mark.parametrize("suffix", [".h5", ".onnx"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_refused_by_every_command_that_reads_it(
    damage: str, suffix: str, bagbench: Command, table: Path, empty_folder: Path, surrogate: Path
) -> None:
    path = empty_folder / f"mine{suffix}"
    path.write_bytes(DAMAGES[damage](table.with_suffix(suffix).read_bytes()))
    commands: list[tuple[object, ...]] = [
        ("info", path),
        ("query", path, "--config", changed()),
        ("compare", path, "--jobs", 1, "--evaluations", 3, "--out", "out"),
    ]
    commands += [("fit", path, "--out", "new.onnx")] if suffix == ".h5" else []
    for words in commands:
        ran = bagbench(*words)
        assert ran.code == 2
        assert is_one_line(ran.err)
        assert path.name in ran.err
        assert [item.name for item in empty_folder.iterdir()] == [path.name]


def test_unreadable_file_is_an_error_of_one_line(bagbench: Command, empty_folder: Path) -> None:
    (empty_folder / "folder.h5").mkdir()
    ran = bagbench("fit", "folder.h5", "--out", "mine.onnx")
    assert ran.code == 2
    assert is_one_line(ran.err)


def test_folder_that_cannot_be_written_is_an_error_of_one_line(
    bagbench: Command, surrogate: Path, empty_folder: Path
) -> None:
    (empty_folder / "file").write_text("mine")
    ran = bagbench("compare", surrogate, "--jobs", 1, "--evaluations", 3, "--out", "file/out")
    assert ran.code == 2
    assert is_one_line(ran.err)
    assert "file/out: Not a directory" in ran.err


def test_output_folder_that_holds_something_else_is_left_alone(
    bagbench: Command, surrogate: Path, empty_folder: Path
) -> None:
    (empty_folder / "thesis").mkdir()
    (empty_folder / "thesis" / "thesis.tex").write_text("mine")
    ran = bagbench("compare", surrogate, "--jobs", 1, "--evaluations", 3, "--out", "thesis")
    assert ran.code == 2
    assert is_one_line(ran.err)
    assert "thesis exists and is no experiment's folder: choose a new or empty one as --out" in ran.err
    assert [item.name for item in (empty_folder / "thesis").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    "words",
    [
        ("query", "digits", "--config", changed(), "--source", "trainer"),
        ("compare", "digits", "--source", "trainer", "--evaluations", 1, "--out", "out"),
        ("populate", "digits", "--runs", 1, "--out", "mine.h5", "--design", "cost-aware"),
    ],
    ids=lambda words: words[0],
)
def test_training_without_torch_says_what_to_install(
    words: tuple[object, ...], bagbench: Command, empty_folder: Path, without_torch: None
) -> None:
    ran = bagbench(*words)
    assert ran.code == 2
    assert is_one_line(ran.err)
    assert "needs torch, which is not installed: pip install 'bagbench[train]'" in ran.err
    assert not list(empty_folder.iterdir())


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    open_trainer.cache_clear()
    for module in ("trainer", "training_run", "network", "device"):
        monkeypatch.delitem(sys.modules, f"bagbench.problems.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.parametrize(
    ("words", "code", "explanation"),
    [
        (["info", "digitz"], 2, "unknown problem 'digitz'"),
        (["compare", "digits", "--seeds", "0"], 2, "--seeds is 0"),
        (["compare", "digits", "--sedes", "1"], 2, "No such option"),
        (["query", "digits"], 2, "Missing option"),
        (["compare", "digits", "--seeds", "many"], 2, "Invalid value for '--seeds'"),
        (["--help"], 0, ""),
    ],
)
def test_the_installed_command_exits_as_promised(words: list[str], code: int, explanation: str) -> None:
    program = shutil.which("bagbench", path=Path(sys.executable).parent)
    assert program is not None
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert explanation in done.stderr
    assert "Traceback" not in done.stderr
