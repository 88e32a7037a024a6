"""``bagbench compare`` and ``bagbench report``."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.analysis.best_front import read_best_front
from bagbench.analysis.indicators import hypervolume, nondominated
from bagbench.optimizers import METHODS, OPTIMIZERS
from bagbench.scripts.best_front import best_front as store
from bagbench.scripts.compare import BAG
from bagbench.simulator.grid import Grid
from bagbench.simulator.history import History

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


TWO = ("--optimizers", "random-search,sh-emoa", "--seeds", 2, "--evaluations", 20, "--jobs", 1)


@pytest.mark.parametrize(("seeds", "said"), [(2, False), (7, True)])
def test_all_optimizers_are_tested_together_where_seeds_are_enough(
    seeds: int, said: bool, bagbench: Command, table: Path
) -> None:
    words = ("--optimizers", "random-search,mo-rea,nsga2", "--seeds", seeds, "--evaluations", 4, "--jobs", 1)
    ran = bagbench("compare", table, *words, "--out", "out")
    assert (f"Friedman test over {seeds} seeds" in ran.out) == said
    assert json.loads(bagbench("report", "out", "--json").out)["friedman"]["seeds"] == seeds


def test_trials_of_few_epochs_count_if_the_policy_says_so_and_reports_remember_it(
    bagbench: Command, surrogate: Path
) -> None:
    bagbench("compare", surrogate, *TWO, "--out", "out")
    full, races = rows(Path("out")), [path.stat().st_mtime_ns for path in sorted(Path("out/races").iterdir())]
    ran = bagbench("compare", surrogate, *TWO, "--policy", "all", "--out", "out")
    every = rows(Path("out"))
    assert "Trials of any number of epochs count." in ran.out
    assert [path.stat().st_mtime_ns for path in sorted(Path("out/races").iterdir())] == races
    assert [row["policy"] for row in full + every] == ["full"] * 4 + ["all"] * 4
    gains = [float(b["hypervolume"]) - float(a["hypervolume"]) for a, b in zip(full, every, strict=True)]
    assert min(gains) >= 0 and max(gains) > 0
    assert bagbench("report", "out").out == ran.out and rows(Path("out")) == every
    assert "--policy all" in (Path("out/report.html")).read_text(encoding="utf-8")
    bagbench("report", "out", "--policy", "full")
    assert rows(Path("out")) == full
    bagbench("report", "out")
    assert rows(Path("out")) == full


def test_what_validation_chose_is_scored_again_on_test_images(bagbench: Command, table: Path) -> None:
    ran = bagbench("compare", table, *TWO, "--optimizers", "random-search", "--out", "out")
    assert "Test: hypervolume of the same networks by their test error." in ran.out
    for row in rows(Path("out")):
        history = History.load(f"out/races/{row['optimizer']}-{row['seed']}.h5")
        full = history.losses[history.scored & (history.epochs == 25)]
        front = full[nondominated(full)]
        front[:, 0] = 100 - 0.9 * (100 - front[:, 0])  # of ten images that were right in validation, one is wrong
        assert float(row["test_hypervolume"]) == pytest.approx(hypervolume(front, np.array([100.0, 7.0])))
        assert float(row["test_hypervolume"]) < float(row["hypervolume"])


@pytest.mark.parametrize("objectives", ["val_loss,log10_params", "test_error,log10_params"])
def test_without_validation_errors_there_is_nothing_to_score_again(
    objectives: str, bagbench: Command, table: Path
) -> None:
    words = ("--optimizers", "random-search", "--seeds", 1, "--evaluations", 3, "--jobs", 1)
    ran = bagbench("compare", table, *words, "--objectives", objectives, "--out", "out")
    assert [row["test_hypervolume"] for row in rows(Path("out"))] == ["nan"]
    assert "test error" not in ran.out


def test_a_benchmark_that_has_changed_since_is_not_asked_for_test_errors(
    bagbench: Command, table: Path, surrogate: Path, empty_folder: Path
) -> None:
    shutil.copy(table, "mine.h5")
    words = ("--optimizers", "random-search", "--seeds", 1, "--evaluations", 3, "--jobs", 1)
    bagbench("compare", "mine.h5", *words, "--out", "out")
    experiment = Path("out/experiment.json")
    digest = json.loads(experiment.read_text())["experiment"]["benchmark_sha256"]
    experiment.write_text(experiment.read_text().replace(digest, "0" * 64))
    bagbench("report", "out")
    assert [row["test_hypervolume"] for row in rows(Path("out"))] == ["nan"]


def test_the_papers_protocol_is_one_word(bagbench: Command, surrogate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raced = []

    def record(grid: Grid, **_: object) -> None:
        raced.append(grid)
        raise KeyboardInterrupt

    monkeypatch.setattr("bagbench.simulator.grid.run_grid", record)
    spelled_out = ("--seeds", 10, "--budget-hours", 24, "--policy", "all", "--no-checkpointing")
    bagbench("compare", surrogate, "--paper")
    bagbench("compare", surrogate, "--paper", *spelled_out)
    bagbench("compare", surrogate, *spelled_out)
    grid = raced[0]
    assert raced == [grid] * 3
    assert (grid.seeds, grid.budget_seconds, grid.checkpointing) == (tuple(range(10)), 86_400.0, False)
    assert (grid.optimizers, grid.objectives) == (BAG, None)


@pytest.mark.parametrize(
    "words",
    [
        ("--seeds", 5),
        ("--budget-hours", 1.0),
        ("--evaluations", 9),
        ("--policy", "full"),
        ("--checkpointing",),
        ("--objectives", "val_loss,log10_params"),
    ],
)
def test_the_papers_protocol_is_not_contradicted(words: tuple[object, ...], bagbench: Command, surrogate: Path) -> None:
    ran = bagbench("compare", surrogate, "--paper", *words)
    assert ran.code == 2
    assert f"--paper is contradicted by {' '.join(map(str, words))}: it means --seeds 10" in ran.err
    assert not Path("out").exists()


def test_unknown_policy_is_refused_before_anything_is_raced(bagbench: Command, surrogate: Path) -> None:
    for command in (("compare", surrogate), ("report", "out")):
        ran = bagbench(*command, "--policy", "most")
        assert (ran.code, Path("out").exists()) == (2, False)
        assert "unknown incumbent policy 'most': expected 'full' (default) or 'all'" in ran.err


def test_several_problems_have_a_folder_each_and_ranks_together(
    bagbench: Command, surrogate: Path, table: Path
) -> None:
    shutil.copy(table, "plain.h5")
    ran = bagbench("compare", surrogate, "plain.h5", *TWO, "--out", "out")
    assert ran.code == 0
    ranks: dict[str, list[float]] = {"random-search": [], "sh-emoa": []}
    for problem in ("made_up", "plain"):
        scores = {(row["optimizer"], row["seed"]): float(row["hypervolume"]) for row in rows(Path("out") / problem)}
        ahead = [
            np.sign(scores["sh-emoa", seed] - scores["random-search", seed]) for seed in "01"
        ]  # 1: the first is ahead
        ranks["sh-emoa"].append(1.5 - np.mean(ahead) / 2)
        ranks["random-search"].append(1.5 + np.mean(ahead) / 2)
    lines = {(row["problem"], row["optimizer"]): row for row in rows(Path("out"))}
    assert len(lines) == 6
    for name, (first, second) in ranks.items():
        assert float(lines["made_up", name]["average_rank"]) == first
        assert float(lines["plain", name]["average_rank"]) == second
        assert float(lines["all", name]["average_rank"]) == (first + second) / 2
        assert lines["all", name]["hypervolume"] == ""
    assert "Over 2 problems, " in ran.out and "racing on plain: 4 of 4 races" in ran.err
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert 'href="made_up/report.html"' in page and 'href="plain/report.html"' in page
    assert Path("out/plain/report.html").is_file()
    summary = Path("out/summary.csv").read_bytes()
    again = bagbench("report", "out")
    assert (again.out, Path("out/summary.csv").read_bytes()) == (ran.out, summary)
    document = json.loads(bagbench("report", "out", "--json").out)
    assert list(document["problems"]) == ["made_up", "plain"]
    assert [line["optimizer"] for line in document["standings"]] == sorted(
        ranks, key=lambda name: (sum(ranks[name]), name)
    )
    refused = bagbench("compare", surrogate, "plain.h5", *TWO, "--out", "out/plain")
    assert refused.code == 2
    assert "out/plain holds the experiment of one problem: choose another --out for several" in refused.err


def test_problems_of_one_name_are_refused(bagbench: Command, surrogate: Path, table: Path) -> None:
    ran = bagbench("compare", surrogate, table, *TWO)
    assert ran.code == 2
    assert "several problems need different names, got made_up, made_up" in ran.err


def test_a_problem_that_cannot_be_had_is_found_out_before_the_first_one_races(
    bagbench: Command, surrogate: Path
) -> None:
    ran = bagbench("compare", surrogate, "nowhere.h5", *TWO)
    assert (ran.code, Path("out").exists()) == (2, False)
    assert "nowhere.h5: no such file: expected a table" in ran.err


def test_the_best_known_front_of_some_races_is_stored(
    bagbench: Command, surrogate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seeds, folder in ((1, "few"), (2, "many")):
        bagbench("compare", surrogate, *TWO, "--seeds", seeds, "--out", folder)
    store([Path("few"), Path("many")], out=Path("made_up-front.json"))
    assert "made_up-front.json: " in capsys.readouterr().out
    front = read_best_front(Path("made_up-front.json"))
    assert [found["seeds"] for found in front.found] == [[0], [0, 1]]
    assert (front.found[0]["budget_seconds"], front.found[0]["budget_evaluations"]) == (None, 20)
    best = max(float(row["hypervolume"]) for row in rows(Path("many")))
    assert hypervolume(front.losses, np.array([100.0, 7.0])) >= best


def test_the_bag_is_in_the_catalogue_and_all_are_bagbenchs_own(bagbench: Command, surrogate: Path) -> None:
    assert set(BAG) <= set(OPTIMIZERS)
    few = ("--seeds", 1, "--evaluations", 2, "--jobs", 1)
    ran = bagbench("compare", surrogate, "--optimizers", "all", *few)
    assert ran.code == 0
    own = {name for name, method in METHODS.items() if not method.extra}
    assert {row["optimizer"] for row in rows(Path("out/made_up"))} == own


def test_wrapped_are_those_of_other_libraries_that_are_installed(bagbench: Command, surrogate: Path) -> None:
    wrapped = {name for name in OPTIMIZERS if METHODS[name].extra}
    if not wrapped:
        pytest.skip("no library with a wrapped optimizer is installed")
    ran = bagbench(
        "compare", surrogate, "--optimizers", "wrapped", "--seeds", 1, "--evaluations", 2, "--jobs", 1, "--out", "out"
    )
    assert ran.code == 0
    assert {row["optimizer"] for row in rows(Path("out"))} == wrapped


def test_figures_for_papers_are_written_when_asked_for(bagbench: Command, surrogate: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'bagbench[figures]'")
    words = ("compare", surrogate, *SMALL, "--optimizers", "random-search", "--out", "out")
    assert "Figures" not in bagbench(*words).out
    assert not Path("out/figures").exists()
    ran = bagbench("report", "out", "--figures")
    assert ran.code == 0 and f"Figures and table: {Path('out/figures')}" in ran.out
    assert {path.suffix for path in Path("out/figures").iterdir()} == {".pdf", ".png", ".svg", ".tex"}


def test_figures_without_matplotlib_are_refused_before_any_race(
    bagbench: Command, surrogate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = bagbench("compare", surrogate, *SMALL, "--figures", "--out", "out")
    assert ran.code == 2 and "pip install 'bagbench[figures]'" in ran.err
    assert not Path("out").exists()
