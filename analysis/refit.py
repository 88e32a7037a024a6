"""Feeding true runs back: is a surrogate that has learnt from them better where it has not looked?

It is judged as `bagbench.analysis.held_out` says. The surrogate that is kept has learnt from everything, and is judged
by nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses
from ..problems.progress import SILENT, Progress
from ..surrogates.benchmark import SurrogateBenchmark
from ..surrogates.training import Recipe
from ..tables.table import Table
from .claims import digests_by_method
from .held_out import Fits, deal, judge
from .indicators import hypervolume
from .races import Experiment
from .refit_table import add_runs
from .replicates import Interval
from .statistics import CONFIDENCE
from .validation import FEWEST, Agreement, Validation

SURROGATE_FILE, TABLE_FILE = "refit.onnx", "refit.h5"

_RESAMPLES, _SEED = 2_000, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRefit:
    """One method's hypervolumes as the surrogates see them."""

    optimizer: str
    judged: int
    """Configurations of its final fronts on which surrogates were judged; `before`, `after` and `true` are of these."""
    before: float
    after: float
    true: float
    claimed: int
    """Configurations on its final fronts; `raced` and `refitted` are of all of them."""
    raced: float
    """As the races saw it."""
    refitted: float
    """As the surrogate sees it that has learnt from everything, these configurations included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """What new runs have changed."""

    base_runs: int
    new_runs: int
    """Those that were not in the base table."""
    judged: int
    """Configurations with predictions of surrogates that had not seen them."""
    before: tuple[Agreement, ...]
    """Without the new runs: every objective that is trained, and the seconds."""
    after: tuple[Agreement, ...]
    best_before: Agreement
    """In the first objective, over the half of the configurations that the races took for best: the winner's curse."""
    best_after: Agreement
    rmse_change: Interval
    """Of the first objective: after minus before, at level `CONFIDENCE` by a bootstrap over configurations."""
    methods: tuple[MethodRefit, ...]
    """By descending hypervolume in the races."""

    @property
    def sentence(self) -> str:
        """What learning from the new runs did to predictions of other configurations."""
        before, after, (low, high) = self.before[0], self.after[0], self.rmse_change
        verdict = "better" if high < 0.0 else "worse" if low > 0.0 else "neither clearly better nor worse"
        unit = f" {before.unit}".rstrip()
        return (
            f"With {self.new_runs:,} new runs, predictions of configurations that were not learnt from are {verdict}: "
            f"RMSE of {before.name} {before.rmse:.3g}{unit} before and {after.rmse:.3g}{unit} after (change "
            f"{low:+.2g} to {high:+.2g}{unit}), Kendall tau {before.kendall_tau:.3f} and {after.kendall_tau:.3f}, bias "
            f"{before.mean_error:+.3g} and {after.mean_error:+.3g}{unit}; among those that the races took for best "
            f"{self.best_before.mean_error:+.3g} and {self.best_after.mean_error:+.3g}{unit}."
        )


def check_runs(validation: Validation, new: Table | None) -> Table:
    """Give ``new`` back if it has enough true runs, with their curves, to learn from and to judge by.

    Raises
    ------
    InvalidArgument
        If there are fewer than `FEWEST` configurations.
    """
    held = set() if new is None else set(new.runs.digests.astype(str).tolist())
    count = sum(claim.digest in held for claim in validation.claims)
    if new is None or count < FEWEST:
        raise InvalidArgument(
            f"--refit needs true runs of {FEWEST} or more configurations in the table, got {count}: retrain more "
            "(--runs, --minutes); runs of which validation.csv alone knows have no curves, so move that file away to "
            "train them again"
        )
    return new


def refit(
    experiment: Experiment,
    validation: Validation,
    base: Table,
    new: Table,
    folder: Path,
    *,
    recipe: Recipe | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Refit:
    """Fit a surrogate to base table and new runs, write both to ``folder``, and say what the new runs changed.

    Parameters
    ----------
    validation
        The claims of ``experiment`` beside the truth.
    base
        What the surrogate is to learn from besides, see `open_base`.
    new
        Table of the true runs, with `FEWEST` configurations or more of the claims.
    folder
        Where ``refit.h5`` and ``refit.onnx`` are written.
    recipe
        How surrogates are made.
    jobs
        Processes at once.
    progress
        Is told after each fit how many of them are done.

    Raises
    ------
    InvalidArgument
        If there are too few configurations, or other images were trained on.
    MissingExtra
        If the libraries that fit are not installed.
    """
    check_runs(validation, new)
    recipe = recipe or Recipe()
    merged = add_runs(base, new, most_runs=recipe.most_points // base.epochs)
    judged = validation.only(set(new.runs.digests.astype(str).tolist()))
    groups = deal([claim.digest for claim in judged.claims])
    fits = Fits(recipe, jobs, progress, experiment.problem.objective_names)
    before, after = judge(fits, base, merged, judged, groups)
    merged.save(folder / TABLE_FILE)
    final = fits.fit(Table.open(folder / TABLE_FILE), folder / SURROGATE_FILE)
    best = judged.only(_best_half(judged))
    kept = np.isin([claim.digest for claim in judged.claims], [claim.digest for claim in best.claims])
    return Refit(
        base_runs=len(base),
        new_runs=_count_new(base, new),
        judged=len(judged.claims),
        before=judged.agreements_with(*before),
        after=judged.agreements_with(*after),
        best_before=best.agreements_with(before.losses[kept], before.seconds[kept])[0],
        best_after=best.agreements_with(after.losses[kept], after.seconds[kept])[0],
        rmse_change=_rmse_change(judged, before.losses, after.losses),
        methods=_methods(experiment, judged, before.losses, after.losses, final),
    )


def _count_new(base: Table, new: Table) -> int:
    """Count the runs of a table that the base does not hold."""
    keys = zip(new.runs.digests.astype(str).tolist(), new.runs.seeds.tolist(), strict=True)
    return sum(seed not in base.runs.seeds[base.find(digest)] for digest, seed in keys)


def _column(validation: Validation) -> int:
    """Find the first objective that is trained."""
    problem = validation.problem
    return next(j for j, name in enumerate(problem.objective_names) if name not in problem.known)


def _best_half(judged: Validation) -> frozenset[str]:
    """Name the configurations that the races took for best in the first objective that is trained."""
    predicted = judged.predicted[:, _column(judged)]
    rows = np.flatnonzero(predicted <= np.median(predicted)).tolist()
    return frozenset(judged.claims[row].digest for row in rows)


def _rmse_change(judged: Validation, before: Losses, after: Losses) -> Interval:
    """Bound the change of the RMSE by resampling configurations: percentiles of after minus before."""
    column = _column(judged)
    squares = [(losses[:, column] - judged.losses[:, column]) ** 2 for losses in (before, after)]
    count = len(judged.claims)
    drawn = np.random.default_rng(_SEED).integers(count, size=(_RESAMPLES, count))
    old, new = (np.sqrt(square[drawn].mean(axis=1)) for square in squares)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(new - old, [tail, 1.0 - tail]).tolist()
    return low, high


def _methods(
    experiment: Experiment, judged: Validation, before: Losses, after: Losses, final: SurrogateBenchmark
) -> tuple[MethodRefit, ...]:
    problem, methods = experiment.problem, []
    for optimizer, digests in digests_by_method(experiment).items():
        rows = [row for row, claim in enumerate(judged.claims) if claim.digest in digests]
        fronts = [experiment.front(race) for race in experiment.of(optimizer)]
        raced, vectors = (np.concatenate(parts) for parts in zip(*fronts, strict=True))
        refitted, _ = final.query_batch(vectors, np.full(len(vectors), problem.max_epochs))
        judged_now, judged_before, true, all_raced, all_refitted = (
            hypervolume(losses, problem.reference_point)
            for losses in (after[rows], before[rows], judged.losses[rows], raced, refitted)
        )
        methods.append(
            MethodRefit(
                optimizer=optimizer,
                judged=len(rows),
                before=judged_before,
                after=judged_now,
                true=true,
                claimed=len(digests),
                raced=all_raced,
                refitted=all_refitted,
            )
        )
    return tuple(sorted(methods, key=lambda method: (-method.raced, method.optimizer)))
