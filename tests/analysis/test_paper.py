"""Figures and table for papers: complete, the same bytes again, and the numbers of the page."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bagbench.analysis.charts import all_progress
from bagbench.analysis.figures import hypervolume_over_cost
from bagbench.analysis.latex import escape, standings_table, write_table
from bagbench.analysis.paper import FORMATS, drawings, write_figures
from bagbench.analysis.plotting import Cast
from bagbench.analysis.races import Experiment, load_experiment
from bagbench.analysis.summary import Summary, summarize
from bagbench.problems.errors import MissingExtra

pytest.importorskip("matplotlib", reason="pip install 'bagbench[figures]'")

NAMES = set("hypervolume hypervolume-evaluations hypervolume-trainings fronts parallel rank epochs timeline".split())


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


@pytest.fixture(scope="module")
def summary(experiment: Experiment) -> Summary:
    return summarize(experiment)


@pytest.fixture(scope="module")
def folder(experiment: Experiment, summary: Summary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper") / "figures"
    write_figures(experiment, summary, folder)
    return folder


def test_every_figure_is_there_in_every_format(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {f"{name}.{kind}" for name in NAMES for kind in FORMATS}


def test_the_same_races_give_the_same_bytes_and_no_date(
    folder: Path, experiment: Experiment, summary: Summary, tmp_path: Path
) -> None:
    for path in write_figures(experiment, summary, tmp_path):
        content = path.read_bytes()
        assert content == (folder / path.name).read_bytes()
        assert b"CreationDate" not in content and b"dc:date" not in content


def test_fonts_are_embedded(folder: Path) -> None:
    text = (folder / "fronts.pdf").read_bytes()
    assert b"/FontFile2" in text and b"/Type3" not in text  # TrueType
    root = ElementTree.parse(folder / "fronts.svg").getroot()
    assert not list(root.iter("{http://www.w3.org/2000/svg}text"))  # glyphs are paths


def test_paper_and_page_draw_the_same_medians(experiment: Experiment, summary: Summary) -> None:
    from matplotlib.figure import Figure

    axes = Figure(layout="constrained").subplots()
    drawings(experiment, summary)["hypervolume-trainings"](axes)
    names = tuple(line.optimizer for line in summary.standings)
    page = hypervolume_over_cost(Cast(names=names), all_progress(experiment, summary))
    when = {"over": "full trainings", "show": "hypervolume"}
    for name in names:
        (line,) = (line for line in axes.get_lines() if line.get_label() == name)
        (trace,) = (trace for trace in page["data"] if trace.get("name") == name and trace["when"] == when)
        drawn = np.asarray(line.get_xydata())
        drawn = drawn[np.isfinite(drawn[:, 1])]
        assert np.stack([trace["x"], trace["y"]], axis=1) == pytest.approx(drawn, rel=1e-5)


def test_more_than_eight_optimizers_are_grey_and_counted(experiment: Experiment) -> None:
    from matplotlib.figure import Figure

    races = [
        replace(race, optimizer=f"{race.optimizer}-{copy}")
        for copy in range(5)
        for race in experiment.races
        if race.seed < 2
    ]
    crowd = replace(experiment, races=tuple(races))
    figure = Figure(layout="constrained")
    drawn = drawings(crowd, summarize(crowd))
    assert "difference" in drawn
    drawn["epochs"](figure.subplots())
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "2 more"
    assert len(figure.legends[0].get_texts()) == 9


def test_without_matplotlib_the_extra_is_named(
    experiment: Experiment, summary: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"needs matplotlib, .*pip install 'bagbench\[figures\]'"):
        write_figures(experiment, summary, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_the_table_has_the_medians_and_marks_who_is_not_beaten(experiment: Experiment, tmp_path: Path) -> None:
    few = replace(experiment, races=tuple(race for race in experiment.races if race.seed < 3))
    for races, marked in ((experiment, False), (few, True)):
        summary = summarize(races)
        write_table(races, summary, tmp_path / "table.tex")
        text = (tmp_path / "table.tex").read_text()
        rows = [line for line in text.splitlines() if line.endswith(r"\\")][1:]
        assert len(rows) == 2 and all(row.count(" & ") == 5 for row in rows)
        assert rows[0].startswith(rf"\textbf{{sh-emoa}} & \textbf{{{summary.standings[0].hypervolume.median:.2f}}}")
        assert (r"\dagger" in rows[1]) == marked == ("not significantly better" in text)
        assert r"\dagger" not in rows[0]


def test_names_cannot_break_the_table(experiment: Experiment) -> None:
    assert escape(r"50%_of $x^2$ & {#1} \cmd ~") == (
        r"50\%\_of \$x\textasciicircum{}2\$ \& \{\#1\} \textbackslash{}cmd \textasciitilde{}"
    )
    odd = r"my_own & {best} 100% \end{tabular}"
    races = [replace(r, optimizer=odd) if r.optimizer == "sh-emoa" else r for r in experiment.races]
    renamed = replace(experiment, races=tuple(races))
    text = standings_table(renamed, summarize(renamed))
    assert text.count(r"\end{tabular}") == 1
    assert all(len(re.findall(r"(?<!\\)&", row)) == 5 for row in text.splitlines() if row.endswith(r"\\"))
