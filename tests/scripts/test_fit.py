"""``bagbench fit``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bagbench.scripts.manifest import fit_command
from bagbench.surrogates import training, tuning
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
    assert "models" in ran.err


def test_model_is_the_teachers(bagbench: Command, table: Path, empty_folder: Path) -> None:
    for model in ("xgboost", "lightgbm", "both"):
        bagbench("fit", table, "--out", f"{model}.onnx", "--model", model, "--jobs", 1)
    made = {path.name: SurrogateBenchmark(path).provenance["recipe"] for path in empty_folder.iterdir()}
    assert {name: recipe["teacher"]["model"] for name, recipe in made.items()} == {  # type: ignore[index]
        "xgboost.onnx": "xgboost", "lightgbm.onnx": "lightgbm", "both.onnx": "both"
    }  # fmt: skip


def test_tuned_recipe_is_fitted_by_printed_and_recorded(bagbench: Command, table: Path, empty_folder: Path) -> None:
    ran = bagbench("fit", table, "--out", "mine.onnx", "--tune", 2, "--jobs", 1)
    assert ran.code == 0
    assert "tuning: 10 of 10 fits, best loss" in ran.err
    assert "tuned in 2 trials" in ran.err
    papers: Any = SurrogateBenchmark(empty_folder / "mine.onnx").provenance
    found = papers["tuning"]
    assert found["trials"] == 2
    assert found["best_loss"] <= found["default_loss"]
    assert papers["recipe"]["teacher"]["leaves"] == found["settings"]["trees.leaves"]
    assert papers["recipe"]["trees_share"] == found["settings"]["trees.share"]
    leaves = next(line.split() for line in ran.out.splitlines() if line.startswith("trees.leaves"))
    assert leaves[1:] == ["8", str(found["settings"]["trees.leaves"])]
    assert {item.name for item in empty_folder.iterdir()} == {"mine.onnx", "mine.onnx.tuning.jsonl"}
    assert fit_command("mine", papers) == "bagbench fit data/mine.h5 --tune 2 --out data/mine.onnx"


def test_stopped_tuning_says_how_to_go_on(
    bagbench: Command, table: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "fold_loss", stop)
    ran = bagbench("fit", table, "--out", "mine.onnx", "--tune", 2, "--jobs", 1)
    assert ran.code == 130
    assert "the same command goes on from there" in ran.err
    assert {item.name for item in empty_folder.iterdir()} == {"mine.onnx.tuning.jsonl"}


def test_tuning_without_optuna_or_without_trials_is_refused(
    bagbench: Command, table: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = bagbench("fit", table, "--out", "mine.onnx", "--tune", 0)
    assert ran.code == 2
    assert "--tune is 0: expected a whole number, 1 or more" in ran.err
    monkeypatch.setattr(tuning, "find_spec", lambda _: None)
    ran = bagbench("fit", table, "--out", "mine.onnx", "--tune", 2)
    assert ran.code == 2
    assert "--tune needs optuna, which is not installed: pip install 'bagbench[fit]'" in ran.err
    assert not list(empty_folder.iterdir())


def test_manifest_has_the_command_that_made_the_shipped_surrogate() -> None:
    plain: Any = {"recipe": {"teacher": {"model": "both"}}}
    assert fit_command("digits", plain) == "bagbench fit data/digits.h5 --out data/digits.onnx"
    tuned = {"recipe": {"teacher": {"model": "xgboost"}}, "tuning": {"trials": 60}}
    assert (
        fit_command("digits", tuned) == "bagbench fit data/digits.h5 --model xgboost --tune 60 --out data/digits.onnx"
    )
