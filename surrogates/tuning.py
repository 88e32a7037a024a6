"""Tuning: a search for the recipe whose teacher predicts a table's held-out runs best, with Optuna.

Teachers are judged, not the surrogates that learn from them, by cross-validation over the folds of configurations
that the quality card has, too. The first trial is the recipe as it was, so tuning never makes its own score worse. A
trial is stopped after a fold by which it has fallen further behind that first one than the median of trials had (median
stopping: Golovin et al. 2017, "Google Vizier"), from the second trial on. Recipes are suggested by a tree-structured
Parzen estimator (Bergstra et al. 2011; Akiba et al. 2019, arXiv 1907.10902). What trial k is depends on the seed and
the trials before it, and on nothing else: not on the number of jobs, nor on how often the search was stopped and begun
again.

Recipes are chosen by runs that the quality card is measured on, too, so the card of a tuned surrogate flatters it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument, MissingExtra
from ..problems.progress import SILENT, Progress
from ..problems.quiet import quiet_optuna
from ..tables.executor import open_executor
from ..tables.table import Table
from .ceiling import varies
from .examples import Examples, read_examples
from .fit import fold_of
from .settings import Setting, settings_around, with_settings
from .targets import SECONDS
from .training import STUDENTS, Recipe
from .tuning_file import Trial, TuningFile

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

Array = NDArray[np.float64]

_STARTUP = 10  # trials at random, before the estimator knows enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a search has found."""

    recipe: Recipe
    """The best."""
    settings: tuple[Setting, ...]
    """What was tuned."""
    trials: tuple[Trial, ...]
    """All of them; the first is the recipe as it was."""
    best: int
    """Number of the best trial."""
    losses: tuple[float, float]
    """Of the first trial and of the best."""
    stopped_early: int
    """Number of trials that did not come to their last fold."""

    def account(self) -> Mapping[str, object]:
        """Say how the recipe was found, for the papers of the surrogate."""
        return {
            "trials": len(self.trials),
            "stopped_early": self.stopped_early,
            "best_trial": self.best,
            "default_loss": self.losses[0],
            "best_loss": self.losses[1],
            "settings": dict(self.trials[self.best].settings),
        }


def tune(
    table: Table,
    path: Path,
    trials: int,
    *,
    recipe: Recipe | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Tuned:
    """Search for a better recipe for a table.

    Parameters
    ----------
    table
        Real runs, opened from a file.
    path
        Where finished trials are kept, see `TuningFile`; those that are there already are not done again.
    trials
        How many recipes to try, the first included.
    recipe
        Where to begin; its seed is the search's.
    jobs
        Fits at once, each in a process with one thread; the outcome does not depend on it.
    progress
        Is told after each fit; there is one for each fold of each trial.

    Raises
    ------
    MissingExtra
        If Optuna or torch is not installed.
    InvalidArgument
        If the table was not opened from a file or has configurations in one fold only, or there is no trial to do.
    OutputConflict, FileProblem
        If ``path`` is of another tuning, or damaged.
    """
    if find_spec("optuna") is None:
        raise MissingExtra.for_package("optuna", "fit", "--tune")
    Recipe.check()
    if trials < 1:
        raise InvalidArgument(f"trials is {trials}: expected 1 or more")
    if not table.sha256:
        raise InvalidArgument("the table to tune on is in no file: save it and open it again")
    recipe = recipe or Recipe()
    search = _Search(read_examples(table, recipe.most_points), recipe)
    subject = {
        "table_sha256": table.sha256,
        "recipe": {name: value for name, value in asdict(recipe).items() if name not in STUDENTS},
        "folds": search.folds.tolist(),
        "settings": [asdict(setting) for setting in search.settings],
    }
    with TuningFile(path, subject) as file, open_executor(jobs) as executor, quiet_optuna():
        while len(file.trials) < trials:
            file.append(search.trial(file.trials, executor, jobs, search.teller(file.trials, trials, progress)))
        return search.result(file.trials[:trials])


class _Search:
    """What all trials have in common."""

    def __init__(self, examples: Examples, recipe: Recipe) -> None:
        self.settings = settings_around(recipe)
        self._examples, self._recipe = examples, recipe
        self._fold = fold_of(examples)
        self.folds, sizes = np.unique(self._fold, return_counts=True)
        if len(np.unique(self._fold[examples.timed])) < 2:
            raise InvalidArgument(
                "tuning needs configurations to learn from and others to judge by: "
                "all that tell seconds are in one fold"
            )
        self._shares = sizes / len(examples)

    def trial(self, before: Sequence[Trial], executor: Executor, jobs: int, tell: Callable[[int], None]) -> Trial:
        """Do the trial that follows on those ``before``."""
        asked = self._study(before).ask(self._distributions())
        settings = {setting.name: asked.params[setting.name] for setting in self.settings}
        recipe = with_settings(self._recipe, settings)
        losses: list[float] = []
        for loss in self._losses(recipe, executor, jobs):
            losses.append(loss)
            tell(len(losses))
            if not before or len(losses) == len(self.folds):
                continue
            asked.report(self._behind(losses, before[0].losses)[-1], len(losses))
            if asked.should_prune():
                break
        tell(len(self.folds))  # those that it is spared are done
        return Trial(settings=settings, losses=tuple(losses))

    def result(self, trials: Sequence[Trial]) -> Tuned:
        scores = [self._loss(trial) if self._is_whole(trial) else np.inf for trial in trials]
        best = int(np.argmin(scores))
        return Tuned(
            recipe=with_settings(self._recipe, trials[best].settings),
            settings=self.settings,
            trials=tuple(trials),
            best=best,
            losses=(scores[0], scores[best]),
            stopped_early=sum(not self._is_whole(trial) for trial in trials),
        )

    def teller(self, before: Sequence[Trial], trials: int, progress: Progress) -> Callable[[int], None]:
        """Give what tells ``progress`` how many fits of the next trial are done."""
        folds = len(self.folds)
        note = f"best loss {self.result(before).losses[1]:.4f}" if before else ""
        return lambda done: progress.update(len(before) * folds + done, trials * folds, note)

    def _losses(self, recipe: Recipe, executor: Executor, jobs: int) -> Iterator[float]:
        """Judge a recipe fold by fold, in order, with no more than ``jobs`` of them begun before they are asked for."""
        rest, waiting = deque(self.folds.tolist()), deque[Future[float]]()
        try:
            while rest or waiting:
                while rest and len(waiting) < jobs:
                    waiting.append(executor.submit(fold_loss, self._examples, self._fold, rest.popleft(), recipe))
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _study(self, before: Sequence[Trial]) -> Study:
        """Tell a fresh study all trials so far: what it suggests next cannot depend on anything else."""
        import optuna

        number = len(before)
        seed = int(np.random.SeedSequence([self._recipe.seed, number]).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(n_startup_trials=_STARTUP, seed=seed)
        study = optuna.create_study(sampler=sampler, pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
        for trial in before:
            whole = self._is_whole(trial)
            study.add_trial(
                optuna.trial.create_trial(
                    state=optuna.trial.TrialState.COMPLETE if whole else optuna.trial.TrialState.PRUNED,
                    value=self._loss(trial) if whole else None,
                    params=dict(trial.settings),
                    distributions=self._distributions(),
                    intermediate_values=dict(enumerate(self._behind(trial.losses, before[0].losses), start=1)),
                )
            )
        if not before:
            study.enqueue_trial({setting.name: setting.default for setting in self.settings})
        return study

    def _distributions(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import FloatDistribution, IntDistribution

        return {
            setting.name: IntDistribution(int(setting.low), int(setting.high), log=setting.log)
            if isinstance(setting.default, int)
            else FloatDistribution(setting.low, setting.high, log=setting.log)
            for setting in self.settings
        }

    def _is_whole(self, trial: Trial) -> bool:
        return len(trial.losses) == len(self.folds)

    def _loss(self, trial: Trial) -> float:
        return float(self._shares @ np.array(trial.losses))

    def _behind(self, losses: Sequence[float], first: Sequence[float]) -> list[float]:
        """After each fold, by how much more a trial has lost so far than the ``first``: folds are not equally hard."""
        n = len(losses)
        more = np.cumsum(self._shares[:n] * np.subtract(losses, first[:n]))
        return (more / np.cumsum(self._shares[:n])).tolist()  # type: ignore[no-any-return]


def fold_loss(examples: Examples, folds: NDArray[np.int64], fold: int, recipe: Recipe) -> float:
    """Judge a recipe by one fold: the share of variance that its teacher, not having seen the fold, leaves unexplained.

    For each head the mean squared error on the scale of averages over the variance of all runs, so that all folds
    together give 1 - R2: once at full fidelity and once over all epochs. The loss is the mean over both and all heads,
    seconds among them; 0 for what never changes.

    Parameters
    ----------
    examples
    folds : (n,)
        The fold of each run.
    fold
        Which to judge by.
    recipe
    """
    held_out = np.flatnonzero(folds == fold)
    teacher = recipe.teach(examples, np.flatnonzero(folds != fold))
    epochs = np.arange(1, examples.values.shape[1] + 1)
    predictions = teacher.means(examples.vectors[held_out], np.repeat(epochs[:, None], len(held_out), axis=1))
    losses = []
    for head, target in enumerate(examples.targets):
        known = examples.timed if target.name == SECONDS else np.ones(len(examples), dtype=bool)
        if not known[held_out].any():
            continue
        true = target.to_average(examples.values[known, :, head])
        predicted = target.to_average(predictions[..., head]).T[known[held_out]]
        errors = (true[(folds == fold)[known]] - predicted) ** 2
        for error, values in ((errors[:, -1], true[:, -1]), (errors, true)):
            losses.append(float(np.mean(error) / np.var(values)) if varies(values) else 0.0)
    return float(np.mean(losses))
