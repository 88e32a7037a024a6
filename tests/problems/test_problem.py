"""Problems, curves, records and their documents."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.benchmark import Curve
from bagbench.problems.document import problem_from_json, problem_to_json
from bagbench.problems.errors import FileProblem, InvalidArgument, UnknownName
from bagbench.problems.files import write_atomically
from bagbench.problems.problem import Objective
from bagbench.problems.record import has_diverged, read_metric


def test_reference_points_are_published_with_the_problem() -> None:
    problem = get_problem("digits")
    assert problem.reference_point.tolist() == [100.0, 7.0]
    assert problem.ideal_point.tolist() == [0.0, 2.0]
    turned = problem.with_objectives(["log10_params", "val_loss"])
    assert turned.reference_point.tolist() == [7.0, math.log(10)]


def test_objectives_that_cannot_be_selected_are_refused() -> None:
    problem = get_problem("digits")
    with pytest.raises(UnknownName, match=r"^unknown objective of 'digits' 'error': expected one of .*did you mean"):
        problem.with_objectives(["error"])
    message = "^objectives must be one or more different names, got "
    with pytest.raises(InvalidArgument, match=message + "none$"):
        problem.with_objectives([])
    with pytest.raises(InvalidArgument, match=message + "val_loss, val_loss$"):
        problem.with_objectives(["val_loss", "val_loss"])


def test_unknown_problem_is_refused() -> None:
    with pytest.raises(
        UnknownName, match=r"^unknown problem 'digit': expected one of digits.*; did you mean 'digits'\?$"
    ):
        get_problem("digit")


def test_objective_whose_ideal_is_behind_its_reference_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="^objective 'f': ideal 2.0 must be below reference 1.0$"):
        Objective(name="f", unit="", bounds=(0.0, 3.0), reference=1.0, ideal=2.0)


@pytest.mark.parametrize("epochs", [1, 25, 3.0, np.int64(7), True])
def test_whole_epochs_in_any_form_are_accepted(epochs: int) -> None:
    checked = get_problem("digits").check_epochs(epochs)
    assert checked == epochs
    assert type(checked) is int


@pytest.mark.parametrize("epochs", [0, 26, 2.5, math.nan, math.inf, "3", [3]])
def test_other_epochs_are_refused(epochs: object) -> None:
    with pytest.raises(InvalidArgument, match=r"^epochs of 'digits' must be a whole number in \[1, 25\], got "):
        get_problem("digits").check_epochs(epochs)  # type: ignore[arg-type]


def test_known_losses_fill_their_columns_only() -> None:
    problem = get_problem("digits").with_objectives(["val_error", "log10_macs", "log10_params"])
    losses = problem.known_losses(problem.space.sample(np.random.default_rng(0), 5))
    assert np.isnan(losses).tolist() == [[True, False, False]] * 5
    assert (losses[:, 2] > 2).all()


# --- documents -------------------------------------------------------------------------------------------------------


def test_problem_comes_back_from_its_document() -> None:
    for problem in (get_problem("digits"), get_problem("digits").with_objectives(["log10_macs", "val_loss"])):
        again = problem_from_json(problem_to_json(problem))
        assert again == problem
        assert problem_to_json(again) == problem_to_json(problem)
        assert set(again.known) == {"log10_params", "log10_macs"}


def test_problem_of_somebody_else_comes_back_without_functions() -> None:
    theirs = replace(get_problem("digits"), name="theirs")
    again = problem_from_json(problem_to_json(theirs))
    assert again == replace(theirs, known={}, hints=None)


def test_problem_that_only_shares_a_shipped_name_gets_no_functions() -> None:
    document = json.loads(problem_to_json(get_problem("digits")))
    document["space"]["hyperparameters"][1]["upper"] = 999
    assert not problem_from_json(json.dumps(document)).known


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x"}'])
def test_text_that_is_no_problem_is_refused(text: str) -> None:
    with pytest.raises(FileProblem, match="^not a problem document: "):
        problem_from_json(text)


def test_document_with_a_damaged_part_is_refused() -> None:
    for part, damage in (("space", {}), ("metrics", [{"name": "x"}]), ("objectives", ["y"]), ("metrics", 3)):
        document = {**json.loads(problem_to_json(get_problem("digits"))), part: damage}
        with pytest.raises(FileProblem, match="^not a problem document: "):
            problem_from_json(json.dumps(document))


# --- curves and records ----------------------------------------------------------------------------------------------


def test_curve_is_read_only_and_gives_its_points() -> None:
    curve = Curve(seconds=np.array([1.0, 2.5]), losses=np.array([[3.0, 4.0], [1.0, 4.0]]))
    losses, seconds, status = curve.at(2)
    assert (losses.tolist(), seconds, status) == ([1.0, 4.0], 2.5, "ok")
    for array in (curve.losses, curve.seconds, losses):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0


@pytest.mark.parametrize("seconds", [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [-1.0, 1.0], [1.0, math.nan]])
def test_time_that_does_not_go_on_is_refused(seconds: list[float]) -> None:
    with pytest.raises(InvalidArgument, match="^the seconds of a curve must be positive and strictly increasing$"):
        Curve(seconds=np.array(seconds), losses=np.zeros((2, 1)))


def test_curve_of_other_shapes_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r"^a curve needs seconds \(E,\) and losses \(E, m\), got \(2,\) and \(3, 1\)$"
    ):
        Curve(seconds=np.ones(2), losses=np.zeros((3, 1)))


def test_losses_are_derived_from_what_was_recorded() -> None:
    problem = get_problem("digits")
    curves = {
        "val_accuracy": np.array([0.1, 0.75, np.nan]),
        "val_loss": np.array([2.0, np.inf, np.nan]),
        "train_seconds": np.array([1.0, 2.0, np.nan]),
    }
    np.testing.assert_allclose(read_metric("val_error", curves, problem), [90.0, 25.0, np.nan])
    np.testing.assert_array_equal(read_metric("val_loss", curves, problem), [2.0, 100.0, np.nan])
    np.testing.assert_array_equal(read_metric("train_seconds", curves, problem), [1.0, 3.0, np.nan])
    with pytest.raises(
        UnknownName, match=r"^unknown metric of 'digits' 'loss': expected one of .*; did you mean 'val_loss'\?$"
    ):
        read_metric("loss", curves, problem)


def test_run_has_diverged_when_a_loss_is_not_finite() -> None:
    assert not has_diverged({"train_loss": [1.0], "val_loss": np.array([1.0])})
    assert has_diverged({"train_loss": [1.0, math.inf], "val_loss": [1.0, 1.0]})
    assert has_diverged({"train_loss": [1.0], "val_loss": [math.nan]})
    assert not has_diverged({"train_loss": [], "val_loss": []})


# --- files -----------------------------------------------------------------------------------------------------------


def test_file_is_replaced_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", "é")
    write_atomically(tmp_path / "a.json", "ü")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "ü"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").stat().st_mode & 0o600 == 0o600
