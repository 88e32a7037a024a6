"""Optuna's samplers behind bagbench's protocol (the extra `optuna`).

Akiba et al. 2019, arXiv 1907.10902. Conditional parameters are handled by Optuna's own means: a trial is asked for one
value after the other, parents first, and only for those that are active (define by run). Numbers keep their range and
scale; ordered choices are integers; words are categories, whose weights Optuna does not know. Every trial is trained in
full: Optuna prunes no trials of several objectives. Failed trials are told as such.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from ..problems.errors import MissingExtra
from ..problems.parameters import Choice, Number, Parameter
from ..problems.problem import Problem
from ..problems.quiet import quiet_optuna
from ..problems.space import Vector
from .base import Query, Result

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler


def optuna_nsga2(problem: Problem, *, seed: int, population: int = 10) -> OptunaStudy:
    """Build `optuna.samplers.NSGAIISampler`; its own default population, 50, suits longer races."""
    _require("optuna-nsga2", "optuna", "optuna")
    from optuna.samplers import NSGAIISampler

    return OptunaStudy(problem, NSGAIISampler(population_size=population, seed=seed))


def optuna_tpe(problem: Problem, *, seed: int, startup: int = 10) -> OptunaStudy:
    """Build `optuna.samplers.TPESampler` (with several objectives: MOTPE), after ``startup`` random trials."""
    _require("optuna-tpe", "optuna", "optuna")
    from optuna.samplers import TPESampler

    return OptunaStudy(problem, TPESampler(n_startup_trials=startup, seed=seed))


def optuna_gp(problem: Problem, *, seed: int, startup: int = 10) -> OptunaStudy:
    """Build `optuna.samplers.GPSampler` (log expected hypervolume improvement), which also needs torch.

    Parameters that are not always active are drawn at random: its model does not know conditions.
    """
    _require("optuna-gp", "optuna,train", "optuna", "torch")
    from optuna.samplers import GPSampler

    return OptunaStudy(problem, GPSampler(n_startup_trials=startup, seed=seed, warn_independent_sampling=False))


class OptunaStudy:
    """A study in memory, asked and told.

    Parameters
    ----------
    problem
    sampler
        A seeded sampler of Optuna.
    """

    def __init__(self, problem: Problem, sampler: BaseSampler) -> None:
        import optuna

        self._problem = problem
        self._order = problem.space.order
        self._open: defaultdict[str, deque[Trial]] = defaultdict(deque)  # by digest
        with quiet_optuna():
            self._study: Study = optuna.create_study(sampler=sampler, directions=["minimize"] * len(problem.objectives))

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        with quiet_optuna():
            trial = self._study.ask()
            vector = self._suggest(trial)
        vector.flags.writeable = False
        self._open[self._problem.space.digests(vector[None])[0]].append(trial)
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Tell the study; what is told again is passed over."""
        from optuna.trial import TrialState

        trials = self._open.get(self._problem.space.digests(result.query.config[None])[0])
        if not trials:
            return
        with quiet_optuna():
            if np.isfinite(result.losses).all():
                self._study.tell(trials.popleft(), result.losses.tolist())
            else:
                self._study.tell(trials.popleft(), state=TrialState.FAIL)

    def _suggest(self, trial: Trial) -> Vector:
        space = self._problem.space
        row = [math.nan] * len(space)
        for i in self._order:
            condition = space.conditions[i]
            if condition is None or condition.holds(row):
                row[i] = _suggested(trial, space.parameters[i])
        return np.array(row)


def _suggested(trial: Trial, parameter: Parameter) -> float:
    """Let Optuna choose the number x of one parameter."""
    if isinstance(parameter, Number):
        low, high, log = parameter.lower, parameter.upper, parameter.log
        if parameter.integer:
            return parameter.encode(trial.suggest_int(parameter.name, int(low), int(high), log=log))
        return parameter.encode(trial.suggest_float(parameter.name, low, high, log=log))
    last = int(parameter.size) - 1
    if last == 0:
        return 0.0
    if isinstance(parameter, Choice) and parameter.ordered:
        return float(trial.suggest_int(parameter.name, 0, last))
    return float(trial.suggest_categorical(parameter.name, range(last + 1)))


def _require(name: str, extra: str, *packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtra.for_package(package, extra, f"the optimizer {name!r}")
