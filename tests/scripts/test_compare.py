"""``bagbench compare`` and ``bagbench report``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bagbench.optimizers import OPTIMIZERS
from bagbench.scripts.compare import BAG

Command = Callable[..., Any]

SMALL = ("--seeds", 2, "--evaluations", 30, "--jobs", 1)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_wall_seconds(folder: Path) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name != "wall_seconds"} for row in rows(folder)]


def test_everybody_races_and_the_verdict_is_written_and_printed(bagbench: Command, surrogate: Path) -> None:
    ran = bagbench("compare", surrogate, *SMALL)
    folder = Path("out/made_up")
    assert ran.code == 0
    assert {(row["optimizer"], row["seed"]) for row in rows(folder)} == {(name, s) for name in BAG for s in "01"}
    assert all(name in ran.out for name in BAG)
    assert "2 seeds cannot tell luck from skill" in ran.out
    assert f"Report: {folder / 'report.html'}" in ran.out
    assert f"racing: {2 * len(BAG)} of {2 * len(BAG)} races" in ran.err
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "How good the surrogate is" in report
    assert "kendall tau" in report


def test_settings_reach_the_experiment(bagbench: Command, surrogate: Path) -> None:
    words = ("--optimizers", "random-search", "--seeds", 1, "--budget-hours", 0.01, "--workers", 3, "--noise", "sample")
    bagbench(
        "compare", surrogate, *words, "--objectives", "val_error,log10_macs", "--no-checkpointing", "--out", "out",
        "--jobs", 1,
    )  # fmt: skip
    settings = json.loads(Path("out/experiment.json").read_text())["experiment"]
    assert settings == {
        "problem": str(surrogate),
        "source": "surrogate",
        "noise": "sample",
        "objectives": ["val_error", "log10_macs"],
        "optimizers": ["random-search"],
        "seeds": [0],
        "budget_seconds": 36.0,
        "budget_evaluations": None,
        "workers": 3,
        "checkpointing": False,
        "benchmark_sha256": settings["benchmark_sha256"],
    }


def test_json_is_the_ranking_best_first(bagbench: Command, surrogate: Path) -> None:
    verdict = json.loads(bagbench("compare", surrogate, *SMALL, "--seeds", 1, "--json").out)
    values = [line["hypervolume"]["median"] for line in verdict["standings"]]
    assert values == sorted(values, reverse=True)
    assert verdict["standings"][0]["hypervolume"]["standard_error"] is None  # of a single seed
    assert Path(verdict["report"]).is_file()


def test_same_command_runs_nothing_twice_and_brings_back_what_was_lost(bagbench: Command, surrogate: Path) -> None:
    command = ("compare", surrogate, *SMALL, "--out", "out")
    bagbench(*command)
    races = sorted(Path("out/races").iterdir())
    before, written = without_wall_seconds(Path("out")), {path: path.stat().st_mtime_ns for path in races}
    races[0].unlink()
    assert bagbench(*command).code == 0
    assert without_wall_seconds(Path("out")) == before
    assert {path: path.stat().st_mtime_ns == written[path] for path in races} == {
        path: path != races[0] for path in races
    }


def test_other_settings_leave_the_folder_as_it_was(bagbench: Command, surrogate: Path) -> None:
    bagbench("compare", surrogate, *SMALL, "--out", "out")
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    ran = bagbench("compare", surrogate, *SMALL, "--workers", 2, "--out", "out")
    assert ran.code == 2
    assert "out holds another experiment: workers is 1 there and 2 here; choose another --out" in ran.err
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == before


def test_ctrl_c_says_how_to_go_on(bagbench: Command, surrogate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bagbench.simulator.grid.run_grid", interrupt)
    ran = bagbench("compare", surrogate, *SMALL)
    assert ran.code == 130
    assert "the same command goes on from there" in ran.err


def test_report_is_rebuilt_from_the_races_wherever_it_is_asked_for(
    bagbench: Command, surrogate: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = empty_folder / "out"
    monkeypatch.chdir(surrogate.parent)
    first = bagbench("compare", surrogate.name, *SMALL, "--out", folder)
    made = {name: (folder / name).read_bytes() for name in ("report.html", "summary.csv")}
    for name in made:
        (folder / name).unlink()
    monkeypatch.chdir(folder)
    again = bagbench("report", ".")
    assert {name: (folder / name).read_bytes() for name in made} == made
    assert again.out.splitlines()[:-1] == first.out.splitlines()[:-1]


def test_the_bag_is_in_the_catalogue_and_all_means_all(bagbench: Command, surrogate: Path) -> None:
    assert set(BAG) <= set(OPTIMIZERS)
    ran = bagbench("compare", surrogate, "--optimizers", "all", "--seeds", 1, "--evaluations", 2, "--jobs", 1)
    assert ran.code == 0
    assert {row["optimizer"] for row in rows(Path("out/made_up"))} == set(OPTIMIZERS)
