"""What teacher and student learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems.space import Space
from bagbench.surrogates.boosting import Boosting
from bagbench.surrogates.distillation import Student
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.features import Features
from bagbench.surrogates.training import Recipe, learn, lessons, predict_curves
from bagbench.tables.designs import Plan, planned_runs
from bagbench.tables.importing import import_runs
from bagbench.tables.layout import Goal, Layout
from bagbench.tables.sheets import Sheet
from bagbench.tables.table import Table


def test_few_runs_of_one_epoch_are_enough_for_leaves_to_tell_them_apart() -> None:
    x = np.linspace(0, 1, 60)
    columns = {"x": x.tolist(), "loss": (x**2).tolist(), "seconds": (1 + x).tolist()}
    sheet = Sheet(path=Path("runs.csv"), columns=columns, rows=range(60), sha256="")
    space = Space.from_document({"hyperparameters": [{"type": "uniform_float", "name": "x", "lower": 0, "upper": 1}]})
    layout = Layout(goals=(Goal(name="loss"),), cost="seconds")
    examples = read_examples(import_runs(sheet, space, layout, name="mine").table)
    everything = np.arange(len(examples))
    trees = Boosting(model="lightgbm", trees=50)  # 80 rows in a leaf, over 25 epochs
    recipe = Recipe(teacher=trees, student=Student(hidden=(32, 32), steps=2000), drawn=6000)
    predictions = predict_curves(learn(examples, everything, recipe), examples, everything)
    for head in range(len(examples.targets)):
        assert np.corrcoef(predictions[:, 0, head], examples.values[:, 0, head])[0, 1] > 0.9


def test_what_replicates_agree_on_is_left_to_the_trees(table: Table, recipe: Recipe) -> None:
    """The made-up runs have noise in their errors and losses, and none in their seconds."""
    examples = read_examples(table)
    teacher = recipe.teach(examples, np.arange(len(examples)))
    assert list(teacher.trees_shares) == [*[recipe.trees_share] * (len(examples.targets) - 1), 1.0]
    once = np.unique(examples.digests, return_index=True)[1]  # without replicates nobody knows
    assert list(recipe.teach(examples, once).trees_shares) == [recipe.trees_share] * len(examples.targets)


def test_what_has_no_noise_is_learnt_from_all_rows_and_columns(table: Table, recipe: Recipe) -> None:
    """The made-up seconds: whatever share of rows and columns trees are shown against noise."""
    examples = read_examples(table)
    sparing = replace(recipe, teacher=replace(recipe.teacher, row_share=0.4, column_share=0.4))
    usual, spared = (each.teach(examples, np.arange(len(examples))) for each in (recipe, sparing))
    epochs = np.full((1, len(examples)), examples.problem.max_epochs)
    means = [teacher.means(examples.vectors, epochs)[0] for teacher in (usual, spared)]
    np.testing.assert_array_equal(means[0][:, -1], means[1][:, -1])
    assert (means[0][:, 0] != means[1][:, 0]).all()


def test_seconds_are_learnt_from_the_machine_that_tells_them_best(table: Table, recipe: Recipe) -> None:
    """Half of the runs were e times as slow; all know it is worth a tenth of the others."""
    examples = read_examples(table)
    slow = np.random.default_rng(0).random(len(examples)) < 0.5
    values = examples.values.copy()
    values[slow, :, -1] += 1.0
    weights = np.where(slow, 0.1, 1.0)
    disturbed = replace(examples, values=values, seconds_weights=weights)
    clocks = [recipe.teach(each, np.arange(len(each))).clock for each in (examples, disturbed)]
    rich = Features(examples.problem).rich(examples.vectors)
    slower = np.mean(clocks[1](rich) - clocks[0](rich))  # by 0.5 if all counted the same
    assert slower == pytest.approx(np.average(slow, weights=weights), abs=0.1)


@pytest.mark.parametrize("beyond", [-300.0, 300.0])
def test_means_of_few_runs_stay_in_the_range_of_the_metric(beyond: float, table: Table, recipe: Recipe) -> None:
    """Gaussian processes may draw a line on beyond 0 or 100 %, where there is no logit."""
    examples = read_examples(table)
    assert examples.targets[0].scale == "logit"
    teacher = recipe.teach(examples, np.arange(len(examples)))
    assert teacher.kriged[0] is not None
    strayed = replace(
        teacher, kriged=[lambda rows: np.full((len(rows), len(teacher.knots)), beyond)] * len(examples.targets)
    )
    vectors, epochs = examples.vectors[:50], np.full((1, 50), examples.problem.max_epochs)
    means = strayed.means(vectors, epochs)
    assert np.isfinite(means).all()
    assert ((means[..., 0] < teacher.means(vectors, epochs)[..., 0]) == (beyond < 0)).all()


def test_students_are_not_told_of_configurations_that_a_design_has_drawn(table: Table) -> None:
    """Held-out runs would judge the teacher, not the student, which knew the answers to these very ones."""
    examples = read_examples(table)
    problem, learnt = examples.problem, np.arange(20)
    vectors, epochs = lessons(examples, learnt, Recipe(drawn=3000))
    told = set(problem.space.digests(vectors))
    assert told.issuperset(digest.decode() for digest in examples.digests[learnt])
    for design in ("random", "sobol"):
        planned = planned_runs(Plan(problem="digits", design=design, seed=0), problem, images=1000, count=3000)
        assert not told.intersection(run.digest for run in planned)
    assert 0.45 < np.mean(epochs == problem.max_epochs) < 0.6
    assert epochs.min() == 1
