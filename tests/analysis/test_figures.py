"""The figures of the page show the numbers of the summary, and no two optimizers look alike."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.analysis.charts import all_progress, epochs, fronts
from bagbench.analysis.difference import diagram
from bagbench.analysis.figures import epochs_spent, final_fronts, hypervolume_over_cost, parallel_coordinates
from bagbench.analysis.friedman import Friedman
from bagbench.analysis.parallel import UNUSED, parallel
from bagbench.analysis.plotting import Cast
from bagbench.analysis.races import Experiment, load_experiment
from bagbench.analysis.style import DARK, LIGHT, style
from bagbench.analysis.summary import Summary, summarize

NAMES = ("sh-emoa", "random-search")


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


@pytest.fixture(scope="module")
def summary(experiment: Experiment) -> Summary:
    return summarize(experiment)


def test_curves_end_at_the_medians_of_the_summary(experiment: Experiment, summary: Summary) -> None:
    figure = hypervolume_over_cost(Cast(names=NAMES), all_progress(experiment, summary))
    medians = {line.optimizer: 100 * line.normalized_hypervolume.median for line in summary.standings}
    when = {"over": "simulated time", "show": "hypervolume"}
    lines = [trace for trace in figure["data"] if trace.get("name") and trace["when"] == when]
    assert {line["name"]: line["y"][-1] for line in lines} == pytest.approx(medians, rel=1e-4)  # type: ignore[index]


def test_every_choice_of_buttons_has_its_axes_and_lines(experiment: Experiment, summary: Summary) -> None:
    figure = hypervolume_over_cost(Cast(names=NAMES), all_progress(experiment, summary))
    over, scale, show = (control["options"] for control in figure["controls"])
    for chosen in ({"over": o, "scale": c, "show": w} for o in over for c in scale for w in show):  # type: ignore[attr-defined]
        changes = [rule["set"] for rule in figure["rules"] if rule["when"].items() <= chosen.items()]  # type: ignore[attr-defined]
        assert sorted(key for change in changes for key in change) == ["xaxis", "yaxis"]  # type: ignore[attr-defined]
        lines = [t for t in figure["data"] if t.get("name") and t["when"].items() <= chosen.items()]  # type: ignore[attr-defined]
        assert [line["name"] for line in lines] == list(NAMES)


def test_over_trials_a_line_ends_with_the_shortest_of_its_races(experiment: Experiment, summary: Summary) -> None:
    _, trials, _ = all_progress(experiment, summary)
    for name, quartiles in trials.quartiles.items():
        fewest = min(race.evaluations for race in experiment.of(name))
        assert trials.x[np.isfinite(quartiles[1])][-1] <= fewest
        assert np.isnan(quartiles[:, trials.x > fewest]).all()


def test_points_of_a_front_show_natural_values(experiment: Experiment) -> None:
    figure = final_fronts(Cast(names=NAMES), fronts(experiment, NAMES), experiment)
    points = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    losses, _ = experiment.pooled_front(experiment.of("sh-emoa"))
    assert sorted(points[0]["x"]) == pytest.approx(sorted(10 ** losses[:, 1]), rel=1e-5)  # type: ignore[call-overload]
    assert sorted(points[0]["y"]) == pytest.approx(sorted(losses[:, 0]), rel=1e-5)  # type: ignore[call-overload]
    assert "lr_init" in points[0]["text"][0] and "number of parameters" in points[0]["text"][0]  # type: ignore[index]


def test_the_area_under_the_epochs_is_all_epochs_trained(experiment: Experiment) -> None:
    figure = epochs_spent(Cast(names=NAMES), epochs(experiment, NAMES))
    for trace, name in zip(figure["data"], NAMES, strict=True):
        races = experiment.of(name)
        trained = sum(int((r.history.epochs - r.history.resume_from)[r.history.scored].sum()) for r in races)
        assert sum(trace["y"]) == pytest.approx(trained / len(races), rel=1e-4)  # type: ignore[call-overload]


def test_lines_across_parallel_axes_are_the_pooled_front(experiment: Experiment) -> None:
    chart = parallel(experiment, NAMES)
    losses, _ = experiment.pooled_front(experiment.races)
    assert sorted(map(tuple, chart.losses.tolist())) == sorted(map(tuple, losses.tolist()))
    inactive = np.isnan(chart.vectors[:, [p.size > 1 for p in experiment.problem.space.parameters]])
    assert inactive.any()
    assert np.array_equal(chart.heights[:, 2:] == UNUSED, inactive)
    shown = chart.heights[chart.heights != UNUSED]
    assert shown.min() == 0.0 and shown.max() == 1.0
    assert len(parallel_coordinates(chart, experiment)["data"]) == len(losses)


def test_a_front_without_points_makes_no_lines(experiment: Experiment) -> None:
    race = experiment.races[0]
    count = len(race.history)
    failed = replace(race.history, status=np.full(count, "failed"), losses=np.full((count, 2), np.nan))
    chart = parallel(replace(experiment, races=(replace(race, history=failed),)), NAMES[1:])
    assert chart.heights.shape[0] == 0


def test_bars_of_the_diagram_span_their_groups_and_none_overlap() -> None:
    ranks = {"a": 1.5, "b": 2.0, "c": 3.5, "d": 4.0, "e": 4.0}
    groups = (("a", "b"), ("b", "c"), ("c", "d", "e"))
    chart = diagram(Friedman(average_ranks=ranks, seeds=9, p_value=0.01, critical_difference=1.9, groups=groups))
    assert [bar[:2] for bar in chart.bars] == [(1.5, 2.0), (2.0, 3.5), (3.5, 4.0)]
    for (begin, end, row), (other, stop, level) in combinations(chart.bars, 2):
        assert row != level or end < other or stop < begin
    places = [(hanger.left, hanger.row) for hanger in chart.hangers]
    assert len(set(places)) == 5 and min(row for _, row in places) > max(row for *_, row in chart.bars)
    assert {hanger.optimizer: hanger.rank for hanger in chart.hangers} == ranks


def test_more_than_eight_optimizers_are_shown_when_asked_for() -> None:
    cast = Cast(names=tuple("abcdefghij"))
    assert cast.groups == [({"methods": "best 8"}, tuple("abcdefgh")), ({"methods": "all 10"}, tuple("abcdefghij"))]
    assert (cast.when("h"), cast.when("i")) == ({}, {"methods": "all 10"})
    assert cast.controls[0]["options"] == ["best 8", "all 10"]
    few = Cast(names=tuple("abcdefgh"))
    assert few.controls == [] and few.groups == [({}, few.names)]


def test_no_two_of_48_optimizers_look_alike() -> None:
    looks = [style(place) for place in range(48)]
    assert len({(look.colour, look.dash) for look in looks}) == 48
    assert len({(look.colour, look.symbol) for look in looks}) == 48
    assert len({look.colour for look in looks[:8]}) == 8


EYES = {
    "usual": np.eye(3),
    "deuteranopic": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopic": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopic": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""What eyes see of linear RGB: Machado, Oliveira, Fernandes 2009, IEEE TVCG 15(6), at full severity."""


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_eyes_can_tell_the_colours_apart(colours: tuple[str, ...], eyes: str) -> None:
    seen = [_lab(np.clip(EYES[eyes] @ _linear(colour), 0, 1)) for colour in colours]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 9.0


@pytest.mark.parametrize(("colours", "paper"), [(LIGHT, "#fdfdfb"), (DARK, "#15171b")], ids=["light", "dark"])
def test_colours_stand_out_from_the_paper(colours: tuple[str, ...], paper: str) -> None:
    def luminance(colour: str) -> float:
        return float(np.array([0.2126, 0.7152, 0.0722]) @ _linear(colour)) + 0.05

    assert all(max(r := luminance(c) / luminance(paper), 1 / r) > 2.5 for c in colours)


def _linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert to CIE 1976 L*a*b* (D65)."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = matrix @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
