"""``bagbench fit``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bagbench.surrogates import training
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.training import Recipe

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def small_by_default(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "Recipe", lambda: recipe)


def test_surrogate_and_card_are_written_and_the_card_is_printed(
    bagbench: Command, table: Path, empty_folder: Path
) -> None:
    ran = bagbench("fit", table, "--out", "mine.onnx", "--model", "lightgbm", "--card", "card.json", "--jobs", 1)
    assert ran.code == 0
    assert {item.name for item in empty_folder.iterdir()} == {"mine.onnx", "card.json"}
    card = SurrogateBenchmark(empty_folder / "mine.onnx").card
    assert json.loads((empty_folder / "card.json").read_text()) == card
    assert f"{card['runs']} real runs" in ran.out
    assert "within their 80% intervals" in ran.out
    assert "try `bagbench compare mine.onnx`" in ran.err


def test_card_as_json_is_all_there_is_on_stdout(bagbench: Command, table: Path, empty_folder: Path) -> None:
    ran = bagbench("fit", table, "--out", "mine.onnx", "--model", "lightgbm", "--jobs", 1, "--json")
    assert json.loads(ran.out) == SurrogateBenchmark(empty_folder / "mine.onnx").card
    assert "forests" in ran.err


def test_model_is_the_teachers(bagbench: Command, table: Path, empty_folder: Path) -> None:
    for model in ("xgboost", "lightgbm", "both"):
        bagbench("fit", table, "--out", f"{model}.onnx", "--model", model, "--jobs", 1)
    made = {path.name: SurrogateBenchmark(path).provenance["recipe"] for path in empty_folder.iterdir()}
    assert {name: recipe["teacher"]["model"] for name, recipe in made.items()} == {  # type: ignore[index]
        "xgboost.onnx": "xgboost", "lightgbm.onnx": "lightgbm", "both.onnx": "both"
    }  # fmt: skip
