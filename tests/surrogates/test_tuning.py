"""Tuning: the same whatever stops it or shares the work, never worse than it began, and never judged by what it saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from bagbench.problems.errors import FileProblem, InvalidArgument, MissingExtra, OutputConflict
from bagbench.problems.progress import NoProgress
from bagbench.surrogates import tuning
from bagbench.surrogates.boosting import Boosting
from bagbench.surrogates.examples import Examples, read_examples
from bagbench.surrogates.fit import FOLDS, fold_of
from bagbench.surrogates.perceptrons import Perceptrons
from bagbench.surrogates.settings import settings_around, with_settings
from bagbench.surrogates.training import Recipe
from bagbench.surrogates.tuning import Tuned, fold_loss, tune
from bagbench.tables.table import Table

TINY = Recipe(
    teacher=Boosting(model="lightgbm", trees=6, leaves=4, rows_in_leaf=20, learning_rate=0.3),
    perceptrons=Perceptrons(members=1, width=4, layers=1, passes=1),
)


@pytest.fixture(scope="module")
def saved(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Some runs of the made-up table, in a file."""
    path = tmp_path_factory.mktemp("tuning") / "few.h5"
    table.take(np.arange(0, len(table), 3)).save(path)
    return Table.open(path)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge by a known bowl instead of by teachers: 0 at 12 leaves and a share of 0.8; folds are not equally hard."""

    def bowl(examples: Examples, folds: NDArray[np.int64], fold: int, recipe: Recipe) -> float:
        away = np.log(recipe.teacher.leaves / 12) ** 2 + (recipe.trees_share - 0.8) ** 2
        return float(away * (1 + 0.1 * fold) + fold)

    monkeypatch.setattr(tuning, "fold_loss", bowl)


class Interrupted(NoProgress):
    """Ctrl-C after so many fits."""

    def __init__(self, fits: int) -> None:
        self.fits = fits

    def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
        if done == self.fits:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def never_stopped(saved: Table, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tune(saved, tmp_path_factory.mktemp("tuning") / "whole.jsonl", 3, recipe=TINY)


def test_jobs_do_not_change_anything(saved: Table, never_stopped: Tuned, tmp_path: Path) -> None:
    assert tune(saved, tmp_path / "two.jsonl", 3, recipe=TINY, jobs=2) == never_stopped


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not(saved: Table, never_stopped: Tuned, tmp_path: Path) -> None:
    path = tmp_path / "stopped.jsonl"
    with pytest.raises(KeyboardInterrupt):
        tune(saved, path, 3, recipe=TINY, progress=Interrupted(FOLDS + 2))
    assert len(path.read_text().splitlines()) == 2  # what it is of, and the first trial
    assert tune(saved, path, 3, recipe=TINY) == never_stopped


@pytest.mark.usefixtures("cheap")
def test_wherever_it_is_stopped_the_outcome_and_the_file_are_the_same(saved: Table, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole.jsonl", tmp_path / "stopped.jsonl"
    expected = tune(saved, whole, 25, recipe=TINY)
    assert 0 < expected.stopped_early < 20
    for fits in (1, 30, 31, 57, 58, 93, 124):
        with pytest.raises(KeyboardInterrupt):
            tune(saved, stopped, 25, recipe=TINY, progress=Interrupted(fits))
        with stopped.open("ab") as file:
            file.write(b'{"losses":[0.1,0.')  # the power went off
    assert tune(saved, stopped, 25, recipe=TINY) == expected
    assert stopped.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("cheap")
def test_a_longer_search_begins_as_a_shorter_one_and_a_finished_one_is_not_done_again(
    saved: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = tune(saved, tmp_path / "longer.jsonl", 12, recipe=TINY)
    shorter = tune(saved, tmp_path / "shorter.jsonl", 7, recipe=TINY)
    assert shorter.trials == longer.trials[:7]
    assert tune(saved, tmp_path / "shorter.jsonl", 12, recipe=TINY) == longer
    monkeypatch.setattr(tuning, "fold_loss", None)
    assert tune(saved, tmp_path / "longer.jsonl", 7, recipe=TINY) == shorter


@pytest.mark.usefixtures("cheap")
def test_the_search_finds_the_bottom_of_a_bowl_and_other_seeds_go_other_ways(saved: Table, tmp_path: Path) -> None:
    recipe = replace(TINY, trees_share=0.1)
    found = [tune(saved, tmp_path / f"{seed}", 25, recipe=replace(recipe, seed=seed)) for seed in (0, 1)]
    for one in found:
        default, best = one.losses
        floor = default - np.log(4 / 12) ** 2 - 0.7**2  # or lower: folds weigh more than 1
        assert best < default - 0.9 * (default - floor)
    assert found[0].trials[0] == found[1].trials[0]
    assert found[0].trials[1].settings != found[1].trials[1].settings


def test_the_recipe_as_it_was_is_the_first_trial_and_the_best_is_no_worse(never_stopped: Tuned) -> None:
    first = never_stopped.trials[0]
    assert with_settings(TINY, first.settings) == TINY
    assert len(first.losses) == FOLDS
    assert never_stopped.losses[1] <= never_stopped.losses[0]
    assert never_stopped.recipe == with_settings(TINY, never_stopped.trials[never_stopped.best].settings)
    account = never_stopped.account()
    assert (account["trials"], account["default_loss"], account["best_loss"]) == (3, *never_stopped.losses)


@pytest.mark.usefixtures("cheap")
def test_already_the_second_trial_is_stopped_where_it_falls_behind(saved: Table, tmp_path: Path) -> None:
    best = replace(TINY, teacher=replace(TINY.teacher, leaves=12), trees_share=0.8)
    found = tune(saved, tmp_path / "best.jsonl", 2, recipe=best)
    assert [len(trial.losses) for trial in found.trials] == [FOLDS, 1]


@pytest.mark.parametrize(
    "recipe", [Recipe(), TINY, Recipe(perceptrons=Perceptrons(width=30, layers=7, dropout=0.0), trees_share=0.0)]
)
def test_settings_hold_the_recipe_and_lead_back_to_it(recipe: Recipe) -> None:
    settings = settings_around(recipe)
    assert all(setting.low <= setting.default <= setting.high for setting in settings)
    assert all(setting.low < setting.high for setting in settings)
    assert with_settings(recipe, {setting.name: setting.default for setting in settings}) == recipe


def test_every_setting_changes_the_recipe() -> None:
    settings = settings_around(Recipe())
    for changed in settings:
        values = {setting.name: setting.default for setting in settings}
        assert with_settings(Recipe(), {**values, changed.name: changed.low}) != Recipe(), changed.name


def test_smaller_steps_want_more_trees() -> None:
    recipe = Recipe()
    values = {setting.name: setting.default for setting in settings_around(recipe)}
    halved = with_settings(recipe, {**values, "trees.learning_rate": recipe.teacher.learning_rate / 2})
    assert halved.teacher.trees == 2 * recipe.teacher.trees


def test_a_setting_without_multiples_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"trees.l2 is 0: expected a number above 0"):
        settings_around(Recipe(teacher=Boosting(l2=0.0)))


def test_no_configuration_is_learnt_from_and_judged_by(saved: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all folds together give 1 - R2, as scikit-learn has it."""
    examples = read_examples(saved)
    folds, teach, taught = fold_of(examples), Recipe.teach, []

    def spy(recipe: Recipe, examples: Examples, rows: NDArray[np.int64]) -> object:
        taught.append(set(examples.digests[rows].tolist()))
        return teach(recipe, examples, rows)

    monkeypatch.setattr(Recipe, "teach", spy)
    losses = [fold_loss(examples, folds, fold, TINY) for fold in range(FOLDS)]
    epochs = np.repeat(np.arange(1, 26)[:, None], len(examples), axis=1)
    predictions = np.empty_like(examples.values)
    for fold, seen in enumerate(taught):
        held_out = folds == fold
        assert not seen & set(examples.digests[held_out].tolist())
        assert seen | set(examples.digests[held_out].tolist()) == set(examples.digests.tolist())
        teacher = teach(TINY, examples, np.flatnonzero(~held_out))
        predictions[held_out] = teacher.means(examples.vectors, epochs).swapaxes(0, 1)[held_out]
    expected = []
    for head, target in enumerate(examples.targets):
        true, predicted = (target.to_average(values[..., head]) for values in (examples.values, predictions))
        expected += [1 - r2_score(true[:, -1], predicted[:, -1]), 1 - r2_score(true.ravel(), predicted.ravel())]
    assert np.average(losses, weights=np.bincount(folds)) == pytest.approx(np.mean(expected))


@pytest.mark.usefixtures("cheap")
def test_files_of_other_tunings_are_refused_in_a_line(saved: Table, table: Table, tmp_path: Path) -> None:
    path = tmp_path / "tuning.jsonl"
    tune(saved, path, 1, recipe=TINY)
    table.save(tmp_path / "other.h5")
    with pytest.raises(OutputConflict, match="of another tuning, table_sha256 differ: move it away") as refused:
        tune(Table.open(tmp_path / "other.h5"), path, 1, recipe=TINY)
    assert "\n" not in str(refused.value)
    with pytest.raises(OutputConflict, match="recipe differ"):
        tune(saved, path, 1, recipe=replace(TINY, seed=1))
    path.write_text("my notes\n")
    with pytest.raises(FileProblem, match="is no file of a tuning"):
        tune(saved, path, 1, recipe=TINY)
    assert path.read_text() == "my notes\n"


@pytest.mark.usefixtures("cheap")
def test_teachers_are_not_judged_again_for_other_students(
    saved: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, larger = tmp_path / "tuning.jsonl", replace(TINY.student, steps=99)
    before = tune(saved, path, 2, recipe=TINY)
    monkeypatch.setattr(tuning, "fold_loss", None)
    after = tune(saved, path, 2, recipe=replace(TINY, student=larger))
    assert after.trials == before.trials
    assert after.recipe == replace(before.recipe, student=larger)


@pytest.mark.usefixtures("cheap")
def test_an_altered_file_is_refused(saved: Table, tmp_path: Path) -> None:
    path = tmp_path / "tuning.jsonl"
    tune(saved, path, 3, recipe=TINY)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1].replace('"losses":[', '"losses":[-'), *lines[2:]]))
    with pytest.raises(FileProblem, match="line 2: its checksum does not match"):
        tune(saved, path, 3, recipe=TINY)


@pytest.mark.usefixtures("cheap")
def test_two_processes_do_not_write_one_file(saved: Table, tmp_path: Path) -> None:
    path = tmp_path / "tuning.jsonl"

    class Meanwhile(NoProgress):
        def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
            tune(saved, path, 1, recipe=TINY)

    with pytest.raises(OutputConflict, match="being written by another process"):
        tune(saved, path, 1, recipe=TINY, progress=Meanwhile())


def test_what_cannot_be_tuned_is_refused(
    saved: Table, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tuning.jsonl"
    with pytest.raises(InvalidArgument, match="trials is 0: expected 1 or more"):
        tune(saved, path, 0)
    with pytest.raises(InvalidArgument, match="is in no file: save it"):
        tune(table, path, 1)
    digests = np.full(len(saved), saved.runs.digests[0])
    monkeypatch.setattr(tuning, "read_examples", lambda *_: replace(read_examples(saved), digests=digests))
    with pytest.raises(InvalidArgument, match="all that tell seconds are in one fold"):
        tune(saved, path, 1)
    monkeypatch.setattr(tuning, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"--tune needs optuna, .* pip install 'bagbench\[fit\]'"):
        tune(saved, path, 1)
    assert not path.exists()
