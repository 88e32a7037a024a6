from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bagbench.analysis.races import Experiment, load_experiment
from bagbench.analysis.statistics import wilcoxon
from bagbench.analysis.study import study
from bagbench.analysis.summary import summarize
from bagbench.problems.errors import UnknownName
from bagbench.scripts.study import study as command


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


@pytest.fixture(scope="module")
def page(experiment: Experiment) -> str:
    return study(experiment, summarize(experiment), baseline="random-search", page="study.md")


def test_every_optimizer_has_a_line_and_only_the_baseline_is_not_compared(experiment: Experiment, page: str) -> None:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    heads, *rows = lines
    assert len({len(row) for row in lines}) == 1
    by_name = {row[1].strip("`"): dict(zip(heads, row, strict=True)) for row in rows}
    assert list(by_name) == ["sh-emoa", "random-search"]
    assert by_name["random-search"]["p"] == "" and by_name["sh-emoa"]["wins over random-search"] == "8 of 10"
    scores = summarize(experiment).scores_by_seed
    p_value = wilcoxon(*(np.array(list(scores[name].values())) for name in ("sh-emoa", "random-search")))
    assert float(by_name["sh-emoa"]["p"].strip("*")) == pytest.approx(p_value, rel=0.05)


def test_the_conclusions_are_those_of_the_table(page: str) -> None:
    assert "- Better than random-search (p < 0.05): `sh-emoa`." in page
    assert "- Worse than random-search (p < 0.05): none." in page
    assert "wrapped" not in page  # nobody's library raced


def test_the_page_says_how_it_was_made(page: str) -> None:
    made = re.search(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert made is not None
    assert made[1].startswith("bagbench compare digits --optimizers random-search,sh-emoa --seeds 10")
    assert "--out out/study\n" in made[1]


def test_the_command_writes_the_page(
    experiment_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.chdir(tmp_path)
    command(experiment_folder, Path("study.md"), baseline="random-search")
    assert Path("study.md").read_text(encoding="utf-8") == page


def test_a_baseline_that_has_not_raced_is_refused(experiment: Experiment) -> None:
    with pytest.raises(UnknownName, match="^unknown optimizer of this experiment 'nsga2'"):
        study(experiment, summarize(experiment), baseline="nsga2", page="study.md")
