"""Ranks over several problems, against a table made by hand."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from bagbench.analysis.overall import ALL, COLUMNS, combine, render_overall, write_overall
from bagbench.analysis.races import load_experiment
from bagbench.analysis.summary import Summary, rank, summarize
from bagbench.problems.errors import InvalidArgument


@pytest.fixture(scope="module")
def summary(experiment_folder: Path) -> Summary:
    return summarize(load_experiment(experiment_folder))


def with_values(summary: Summary, values: dict[str, tuple[float, ...]]) -> Summary:
    score = summary.scores[0]
    scores = [
        replace(score, optimizer=name, seed=seed, hypervolume=value)
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]
    return replace(summary, scores=tuple(scores), standings=rank(scores))


@pytest.fixture(scope="module")
def summaries(summary: Summary) -> dict[str, Summary]:
    return {
        # by seed: a b c = 1 2 3; 1 3 2; 2 1 3
        "small": with_values(summary, {"a": (9.0, 9.0, 8.0), "b": (8.0, 7.0, 9.0), "c": (7.0, 8.0, 7.0)}),
        # by seed: 1.5 3 1.5; 3 2 1; and d, who raced here only, counts nowhere
        "large": with_values(
            summary, {"a": (900.0, 100.0), "b": (1.0, 200.0), "c": (900.0, 300.0), "d": (5000.0, 5000.0)}
        ),
    }


def test_ranks_are_averaged_over_seeds_then_over_problems(summaries: dict[str, Summary]) -> None:
    overall = combine(summaries)
    ranks = {(line.problem, line.optimizer): line.average_rank for line in overall.ranks}
    small, large = (4 / 3, 6 / 3, 8 / 3), (4.5 / 2, 5 / 2, 2.5 / 2)
    assert [ranks["small", name] for name in "abc"] == pytest.approx(small)
    assert [ranks["large", name] for name in "abc"] == pytest.approx(large)
    assert [ranks[ALL, name] for name in "abc"] == pytest.approx(
        [sum(pair) / 2 for pair in zip(small, large, strict=True)]
    )
    assert [(line.place, line.optimizer) for line in overall.standings] == [(1, "a"), (2, "c"), (3, "b")]
    assert overall.headline == "Over 2 problems, a has the best average rank: 1.79 among 3."


def test_equal_ranks_share_a_place(summary: Summary) -> None:
    one = with_values(summary, {"a": (1.0, 2.0), "b": (2.0, 1.0)})
    overall = combine({"x": one, "y": one})
    assert [(line.place, line.optimizer) for line in overall.standings] == [(1, "a"), (1, "b")]
    assert overall.headline == "Over 2 problems, a and b share the best average rank: 1.50 among 2."


def test_places_do_not_depend_on_rounding(summary: Summary) -> None:
    # a: 4/3, 5/3 and 3/2, b: 5/3, 4/3 and 3/2: the same sum, in another order
    thirds = {"a": (2.0, 2.0, 1.0), "b": (1.0, 1.0, 2.0)}
    halves = {"a": (1.0, 1.0, 2.0), "b": (2.0, 2.0, 1.0)}
    equal = {"a": (1.0, 2.0), "b": (2.0, 1.0)}
    overall = combine(
        {key: with_values(summary, values) for key, values in zip("xyz", (thirds, halves, equal), strict=True)}
    )
    assert [line.place for line in overall.standings] == [1, 1]


def test_the_file_gives_the_same_numbers_back(summaries: dict[str, Summary], tmp_path: Path) -> None:
    overall = combine(summaries)
    write_overall(overall, tmp_path / "summary.csv")
    with (tmp_path / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS == ("problem", "optimizer", "place", "average_rank", "hypervolume")
    assert [float(line["average_rank"]) for line in lines] == [rank.average_rank for rank in overall.ranks]
    assert [line["problem"] for line in lines] == ["small"] * 3 + ["large"] * 3 + ["all"] * 3


def test_the_page_links_the_reports(summaries: dict[str, Summary]) -> None:
    page = render_overall(combine(summaries), {"small": "small/report.html", "large": "a&b/report.html"})
    assert 'href="small/report.html"' in page and 'href="a&amp;b/report.html"' in page
    assert '<td>1</td><td class="text">a</td><td>1.79</td><td>1.33</td><td>2.25</td>' in page


def test_nobody_in_common_is_refused(summary: Summary) -> None:
    with pytest.raises(InvalidArgument, match="no optimizer raced on all of x, y: expected experiments with"):
        combine({"x": with_values(summary, {"a": (1.0,)}), "y": with_values(summary, {"b": (1.0,)})})
