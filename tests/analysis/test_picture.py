"""The still picture of an experiment."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bagbench.analysis.picture import COLOURS, draw
from bagbench.analysis.races import load_experiment
from bagbench.analysis.summary import summarize

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def picture(experiment_folder: Path) -> str:
    return draw(load_experiment(experiment_folder))


def test_everything_is_inside_the_picture(picture: str) -> None:
    root = ElementTree.fromstring(picture)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    points = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{SVG}circle")]
    for path in root.iter(f"{SVG}path"):
        points += [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path.attrib["d"])]
    assert len(points) > 1000
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


def test_lines_end_at_the_medians_of_the_summary(picture: str, experiment_folder: Path) -> None:
    experiment = load_experiment(experiment_folder)
    medians = {line.optimizer: 100 * line.normalized_hypervolume.median for line in summarize(experiment).standings}
    root = ElementTree.fromstring(picture)
    rules = {}  # height in pixels of each labelled percentage
    for text in root.iter(f"{SVG}text"):
        if (text.text or "").endswith("%") and float(text.attrib["x"]) < 100:
            rules[float((text.text or "").removesuffix("%"))] = float(text.attrib["y"]) - 4
    (low, bottom), (high, top) = min(rules.items()), max(rules.items())
    for number, name in enumerate(experiment.optimizers):
        lines = (path for path in root.iter(f"{SVG}path") if path.attrib.get("stroke-linejoin"))
        line = next(path for path in lines if path.attrib["stroke"] == COLOURS[number])
        x, y = map(float, line.attrib["d"].split("L")[-1].split())
        assert x == 470
        assert low + (bottom - y) / (bottom - top) * (high - low) == pytest.approx(medians[name], abs=0.05)


def test_optimizers_are_named_and_no_two_share_a_colour(picture: str) -> None:
    texts = [text.text for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    assert {"random-search", "sh-emoa"} <= set(texts)
    assert len(set(COLOURS)) == len(COLOURS)
