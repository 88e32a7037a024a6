"""The page as text: complete, self-contained, and with the numbers of ``summary.csv``."""

from __future__ import annotations

import csv
import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.analysis.card_figures import quality_figure, trajectories_figure
from bagbench.analysis.charts import all_progress
from bagbench.analysis.display import axis, duration, linear_ticks, logarithmic_ticks, time_unit
from bagbench.analysis.paper import write_figures
from bagbench.analysis.quality import card_tables
from bagbench.analysis.races import Experiment, Race, load_experiment
from bagbench.analysis.report import render, write_report
from bagbench.analysis.sections import command
from bagbench.analysis.summary import summarize, write_summary
from bagbench.problems.problem import Objective
from bagbench.simulator.benchmarks import DATA, fingerprint
from bagbench.simulator.history import CENSORED


class Page(HTMLParser):
    """What a browser would load, and the cells of each table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[str] = []
        self.content: dict[str, str] = {}
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self._table = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.loads += [value or "" for key, value in attrs if key in ("src", "href", "srcset", "data", "action")]
        if tag == "script":
            self.scripts.append(found)
        if tag == "table" and found.get("id"):
            self._table = found["id"] or ""
            self.tables[self._table] = []
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        if tag == "td" and self._table:
            self.tables[self._table][-1].append(found.get("data-value") or "")
        if tag not in ("meta", "link", "br"):
            self._open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag  # well-formed
        if tag == "table":
            self._table = ""

    def handle_data(self, data: str) -> None:
        tag, found = self._open[-1] if self._open else ("", {})
        if tag == "h2":
            self.headings.append(data)
        if tag == "script" and found.get("id"):
            self.content[found["id"] or ""] = data


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


@pytest.fixture(scope="module")
def text(experiment_folder: Path) -> str:
    return write_report(experiment_folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_the_page_loads_nothing(text: str, page: Page) -> None:
    assert page.loads == ["data:,"]
    assert "@import" not in text.split("</style>")[0] and "url(" not in text.split("</style>")[0]


def test_twenty_races_make_a_page_in_seconds(experiment_folder: Path) -> None:
    write_report(experiment_folder)  # imports are not what is timed
    start = time.process_time()
    write_report(experiment_folder)
    assert time.process_time() - start < 3.0  # measured 0.2


def test_plotly_is_embedded_once(text: str, page: Page) -> None:
    assert sum(script.get("id") == "plotly" for script in page.scripts) == 1
    assert text.count("plotly.js v") == 1


def test_the_scores_are_those_of_summary_csv(page: Page, experiment: Experiment, tmp_path: Path) -> None:
    write_summary(summarize(experiment), tmp_path / "summary.csv")
    with (tmp_path / "summary.csv").open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    assert page.tables["scores"][1:] == lines


def test_the_ranked_table_is_best_first(page: Page) -> None:
    rows = page.tables["ranking-table"][1:]
    assert [row[1] for row in rows] == ["sh-emoa", "random-search"]
    assert float(rows[0][2]) > float(rows[1][2])


def test_the_page_answers_the_questions_in_order(page: Page) -> None:
    assert page.headings == [
        "Who is ahead",
        "Progress over time",
        "The networks they found",
        "What the best networks have in common",
        "Rank over time",
        "Where the epochs went",
        "One race, trial by trial",
        "How to reproduce this",
    ]


def test_figures_are_strict_json_that_cannot_end_its_script(page: Page) -> None:
    drawn = json.loads(page.content["figures"], parse_constant=pytest.fail)
    assert list(drawn) == ["hypervolume", "fronts", "parallel", "rank", "epochs", "timeline"]
    assert "<" not in page.content["figures"]


def test_one_optimizer_alone_needs_no_ranks(experiment: Experiment) -> None:
    alone = replace(experiment, races=experiment.of("sh-emoa")[:1])
    page = Page(render(alone, summarize(alone)))
    assert "Rank over time" not in page.headings and "What was achieved" in page.headings


def test_races_without_any_result_still_make_a_page(experiment: Experiment) -> None:
    def fail(race_index: int) -> Race:
        race = experiment.races[race_index]
        n = len(race.history)
        failed = replace(race.history, status=np.full(n, "failed"), losses=np.full((n, 2), np.nan))
        return replace(race, history=failed)

    empty = replace(experiment, races=tuple(fail(index) for index in (0, 10)))
    page = Page(render(empty, summarize(empty)))
    assert [float(row[2]) for row in page.tables["ranking-table"][1:]] == [0.0, 0.0]
    assert all(row[4] == "inf" for row in page.tables["scores"][1:])


def test_trials_that_all_outlast_the_budget_make_a_page_and_figures(experiment: Experiment, tmp_path: Path) -> None:
    def censor(race: Race) -> Race:
        n = len(race.history)
        lost = replace(race.history, status=np.full(n, CENSORED), losses=np.full((n, 2), np.nan))
        return replace(race, history=lost)

    cut = replace(experiment, races=tuple(map(censor, (experiment.races[0], experiment.races[10]))))
    summary = summarize(cut)
    assert [chart.cost for chart in all_progress(cut, summary)] == ["seconds"]
    assert "Progress over time" in Page(render(cut, summary)).headings
    write_figures(cut, summary, tmp_path)
    assert list(tmp_path.glob("*.pdf"))


def test_unfinished_and_few_races_are_said_to_be_so(experiment_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "partial"
    shutil.copytree(experiment_folder, folder)
    for seed in range(3, 10):
        (folder / "races" / f"sh-emoa-{seed}.h5").unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert "7 races still to be run: the same command goes on from here." in text
    assert "3 seeds cannot tell luck from skill" in text


def test_races_without_a_common_seed_are_reported_without_a_verdict(experiment: Experiment) -> None:
    apart = replace(experiment, races=(experiment.races[0], *experiment.races[11:14]))
    summary = summarize(apart)
    assert summary.comparisons == ()
    assert "has no seed in common with another optimizer" in summary.headline
    assert Page(render(apart, summary)).headings


def test_points_of_maximised_objectives_are_better_further_up(experiment: Experiment) -> None:
    first, second = experiment.problem.objectives
    turned = replace(first, maximize=True)
    problem = replace(
        experiment.problem, metrics=(turned, *experiment.problem.metrics[1:]), objectives=(turned, second)
    )
    for problem_, corner in ((experiment.problem, "lower left"), (problem, "upper left")):
        races = replace(experiment, problem=problem_)
        assert f"towards the {corner} is better" in render(races, summarize(races))


def test_a_damaged_race_leaves_the_old_report(experiment_folder: Path, tmp_path: Path) -> None:
    from bagbench.problems.errors import FileProblem

    folder = tmp_path / "damaged"
    shutil.copytree(experiment_folder, folder)
    (folder / "report.html").write_text("old")
    (folder / "races" / "sh-emoa-4.h5").write_bytes(b"not a history")
    with pytest.raises(FileProblem, match=r"sh-emoa-4\.h5"):
        write_report(folder)
    assert (folder / "report.html").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["experiment.json", "races", "report.html"]


def test_the_command_repeats_the_settings(experiment: Experiment) -> None:
    assert command(experiment) == (
        "bagbench compare digits --optimizers random-search,sh-emoa --seeds 10 --workers 2 --source trainer --out DIR"
    )
    settings = {**experiment.settings, "noise": "sample", "objectives": ["val_loss"], "checkpointing": False}
    assert command(replace(experiment, settings=settings)).endswith(  # type: ignore[arg-type]
        "--source trainer --noise sample --objectives val_loss --no-checkpointing --out DIR"
    )


def test_the_quality_card_is_shown_where_there_is_one(experiment: Experiment) -> None:
    card = {"test": {"val_error": {"r2": 0.8712, "kendall_tau": 0.7}, "seconds": {"r2": 0.99}}, "runs": 5000}
    carded = replace(experiment, card=card)
    assert "How good the surrogate is" in Page(render(carded, summarize(carded))).headings
    shown = card_tables(card)
    assert "0.871" in shown and "5,000" in shown and "kendall tau" in shown and "—" in shown  # seconds has no tau


def test_curves_of_the_card_are_columns_and_lists_of_mappings_rows() -> None:
    card = {
        "calibration": {"promised": [0.5, 0.8, 0.9], "kept": [0.48, 0.77, 0.913], "runs": 40},
        "worst": [{"epochs": 5, "r2": 0.25}, {"epochs": 25, "r2": None}],
    }
    page = Page(f"<main>{card_tables(card)}</main>".replace("<table ", '<table id="card" '))
    assert page.tables["card"][1:] == [["1", "5", "0.25"], ["2", "25", ""]]  # the last table
    columns = Page(card_tables({"calibration": card["calibration"]}).replace("<table ", '<table id="card" '))
    assert columns.tables["card"][1:] == [["0.5", "0.48"], ["0.8", "0.77"], ["0.9", "0.913"]]


def full_card() -> Any:
    """A card with every section, in numbers that are made up."""
    scores = {"r2": 0.8, "kendall_tau": 0.7, "rmse": 12.5}
    curve = {"seconds": [10.0, 100.0, 600.0], "true": [300.0, 400.0, 450.0], "simulated": [310.0, 390.0, 452.0]}
    curve |= {"low": [300.0, 380.0, 440.0], "high": [330.0, 410.0, 460.0]}
    return {
        "runs": 5000,
        "metrics": {
            "val_error": {
                "full_fidelity": scores,
                "ceiling": {"r2": 0.9, "kendall_tau": None, "rmse": 11.0},
                "by_epoch": {"epoch": [1, 25], "r2": [0.5, 0.8], "kendall_tau": [0.4, None], "rmse": [20.0, 12.5]},
            }
        },
        "calibration": {"collapse": {"table": [{"runs": 90, "predicted": 0.1, "share": 0.12}]}},
        "regions": {"metric": "val_error"},
        "learning_curve": {
            "metric": "val_error",
            "judged": 1000,
            "curve": {"runs": [500, 1000], "r2": [0.7, 0.8], "kendall_tau": [0.6, 0.7], "rmse": [15.0, 12.5]},
            "doubling": {"r2": 0.02, "kendall_tau": None},
        },
        "true_races": {"trajectories": {"true_seeds": 1, "curves": {"sh-emoa": curve, "random-search": curve}}},
    }


def test_figures_of_the_card_show_what_it_holds(experiment: Experiment) -> None:
    card = full_card()
    carded = replace(experiment, card=card)
    page = Page(render(carded, summarize(carded)))
    assert {"How good the surrogate is", "The same races in truth"} <= set(page.headings)
    figure: Any = quality_figure(card)
    assert figure["controls"][0]["options"] == ["probability of collapse", "score by epoch", "learning curve"]
    lines = {(trace["when"]["show"], trace["name"]): trace for trace in figure["data"]}
    assert lines["score by epoch", "Kendall’s tau"]["y"] == [0.4, None]
    assert lines["learning curve", "R², extrapolated"]["x"] == [1000, 2000]
    assert lines["learning curve", "R², extrapolated"]["y"] == [0.8, 0.82]
    assert ("learning curve", "Kendall’s tau, noise ceiling") not in lines
    races: Any = trajectories_figure(card)
    true = next(trace for trace in races["data"] if trace.get("name") == "sh-emoa, true")
    assert true["y"] == [300.0, 400.0, 450.0]
    assert true["x"][-1] == 10.0  # minutes


def test_figures_of_an_older_card_are_left_out() -> None:
    assert quality_figure({"runs": 5000}) is None
    assert trajectories_figure({"runs": 5000}) is None
    some = {name: section for name, section in full_card().items() if name in ("metrics", "runs")}
    assert quality_figure(some)["controls"][0]["options"] == ["score by epoch"]  # type: ignore[index]


def test_many_optimizers_are_told_by_their_winner_and_all_pairs_are_a_table(experiment: Experiment) -> None:
    races = [
        replace(race, optimizer=f"{race.optimizer}-{copy}", seed=race.seed)
        for copy in range(3)
        for race in experiment.races
    ]
    crowd = replace(experiment, races=tuple(races))
    summary = summarize(crowd)
    text = render(crowd, summary)
    page = Page(text)
    assert len(page.tables["pairs"][1:]) == len(summary.comparisons) == 15
    told = text.split('<ul class="plain">')[1].split("</ul>")[0]
    assert told.count("<li>") == 5
    assert "Who can be told apart" in page.headings


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0"), (0.25, "250 ms"), (600.0, "10 min"), (12_240.0, "3.4 h"), (9e4, "1.04 d"), (math.inf, "—")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("end", [0.5, 7.0, 42.0, 600.0, 5_000.0, 86_400.0, 1e6, 1e8])
def test_time_axes_have_a_few_round_ticks(end: float) -> None:
    ticks: Callable[[float], list[float]] = linear_ticks
    assert 1 <= len(ticks(end)) <= 8 and ticks(end)[0] == 0.0 and ticks(end)[-1] <= end
    assert all(end / 1e4 <= tick <= end for tick in logarithmic_ticks(end / 1e4, end))
    unit, seconds = time_unit(end)
    assert end / seconds >= 3 or unit == "s"


def test_maximised_and_logarithmic_objectives_are_turned_back() -> None:
    def objective(name: str, *, maximize: bool = False) -> Objective:
        bounds = (-math.inf, math.inf)
        return Objective(name=name, unit="%", bounds=bounds, reference=1.0, ideal=0.0, maximize=maximize)

    assert axis(objective("val_error")).text(3.25) == "3.25 %"
    assert axis(objective("log10_params")).text(3.0) == "1,000"
    assert axis(objective("val_accuracy", maximize=True)).text(-96.5) == "96.5 %"
    assert axis(objective("val_error")).label == "validation error (%)"


@pytest.mark.skipif(not (DATA / "digits.onnx").is_file(), reason="no surrogate of digits is shipped")
def test_a_card_is_shown_only_while_the_surrogate_is_the_one_that_was_raced_on(
    experiment_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(experiment_folder, tmp_path / "races")
    path = tmp_path / "races" / "experiment.json"
    document = json.loads(path.read_text())
    for raced_on, shown in ((fingerprint("digits", "surrogate"), True), ("0" * 64, False)):
        document["experiment"].update(source="surrogate", benchmark_sha256=raced_on)
        path.write_text(json.dumps(document))
        assert bool(load_experiment(path.parent).card) == shown


def test_imitations_are_told_apart(experiment: Experiment) -> None:
    assert "Imitations" not in render(experiment, summarize(experiment))
    races = [replace(race, optimizer="nash") if race.optimizer == "sh-emoa" else race for race in experiment.races]
    imitated = replace(experiment, races=tuple(races))
    assert "Imitations: nash." in render(imitated, summarize(imitated))
