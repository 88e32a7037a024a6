"""What ``compare`` and ``report`` print: names as they are, and what is missing."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bagbench.scripts.console import output, plain_errors, plain_table

Command = Callable[..., Any]


@pytest.fixture
def races(bagbench: Command, surrogate: Path) -> Path:
    """Two optimizers, two seeds, in a folder that looks like markup."""
    words = ("--optimizers", "random-search,sh-emoa", "--seeds", 2, "--evaluations", 8, "--jobs", 1)
    folder = Path("with [red] [/b] :fire:")
    assert bagbench("compare", surrogate, *words, "--out", folder).code == 0
    return folder


def test_paths_are_printed_as_they_are(bagbench: Command, races: Path) -> None:
    assert f"Report: {races / 'report.html'}" in bagbench("report", races).out


def test_names_in_tables_and_lines_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = plain_table("name<", "[bold]value")
    table.add_row("lr [log]", "[/]")
    output().print(table)
    output().print("time [s] :smile:", style="bold")
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "name      [bold]value",
        "lr [log]          [/]",
        "time [s] :smile:",
    ]


def test_missing_races_are_counted(bagbench: Command, races: Path) -> None:
    assert "still to be run" not in bagbench("report", races).out
    (races / "races" / "sh-emoa-1.h5").unlink()
    assert "1 race still to be run: the same command goes on from here" in bagbench("report", races).out
    assert json.loads(bagbench("report", races, "--json").out)["missing_races"] == 1


def test_a_race_of_trials_that_all_outlast_the_budget_is_reported(bagbench: Command, table: Path) -> None:
    words = ("--optimizers", "random-search,nsga2", "--seeds", 1, "--budget-hours", 1e-7, "--jobs", 1, "--out", "out")
    assert bagbench("compare", table, *words).code == 0
    assert Path("out/report.html").exists()
    assert " - " in bagbench("report", "out").out  # IGD+ of no point


def test_what_was_never_trained_in_full_cannot_be_validated(bagbench: Command, surrogate: Path) -> None:
    words = ("--optimizers", "mo-asha", "--seeds", 1, "--evaluations", 4, "--jobs", 1, "--out", "out")
    assert bagbench("compare", surrogate, *words, "--policy", "all").code == 0
    ran = bagbench("validate", "out", "--runs", 2)
    assert (ran.code, ran.out) == (2, "")
    assert "no race has a configuration that was trained in full" in ran.err


def test_tables_must_have_names_that_other_commands_know(bagbench: Command, table: Path, empty_folder: Path) -> None:
    shutil.copy(table, "one.h5")
    for words in (("populate", "digits", "--runs", 1), ("merge", "one.h5")):
        ran = bagbench(*words, "--out", "mine.txt")
        assert ran.code == 2
        assert "--out is mine.txt: expected a name that ends in .h5, such as mine.h5" in ran.err
    assert [path.name for path in empty_folder.iterdir()] == ["one.h5"]


def test_target_seconds_are_looked_at_before_anything_is_trained(bagbench: Command, empty_folder: Path) -> None:
    words = ("populate", "digits", "--runs", 1, "--out", "new.h5", "--design", "cost-aware", "--target-seconds", -1)
    ran = bagbench(*words)
    assert ran.code == 2
    assert ran.err == (
        "bagbench: --target-seconds is -1: expected a number above 0; without --target-seconds a default is taken\n"
    )
    assert not list(empty_folder.iterdir())


def test_a_full_disk_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left, plain_errors():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert left.value.code == 2
    assert capsys.readouterr().err == "bagbench: cannot read or write: No space left on device\n"
    with pytest.raises(OSError, match="Resource temporarily unavailable"), plain_errors():
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")  # nothing that a user could mend


@pytest.mark.parametrize("module", ["picture", "study", "best_front"])
def test_modules_that_are_commands_explain_mistakes_in_a_line(module: str, empty_folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        f"bagbench.scripts.{module}",
        "nosuch",
        *(["x.svg"] if module != "best_front" else []),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("bagbench: ") and ran.stderr.count("\n") == 1
