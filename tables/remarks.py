"""What the owner of imported runs should know: what was left out, kept as failed, counted anew, or fixed for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Problem
from ..problems.space import Space
from .layout import Layout
from .mistakes import listed
from .points import is_crowded
from .sheets import Sheet

Numbers = NDArray[np.float64]


def of_columns(sheet: Sheet, space: Space, layout: Layout) -> list[str]:
    """Name the columns that mean nothing."""
    unused = [name for name in sheet.columns if name not in (*space.names, *layout.columns)]
    return [f"columns that were not used: {', '.join(unused)}"] if unused else []


def of_lost_values(sheet: Sheet, lost: Mapping[int, str]) -> list[str]:
    """Name the rows whose runs failed."""
    if not lost:
        return []
    rows = listed([f"row {sheet.rows[row]}: {lost[row]}" for row in sorted(lost)])
    return [f"values missing or not finite in {len(lost)} of {len(sheet)} rows, kept as failed runs ({rows})"]


def of_replicates(moved: int) -> list[str]:
    """Say how many runs lost their seed."""
    return (
        [f"{moved} runs repeat configuration and seed of another, and were given the next free seed"] if moved else []
    )


def of_epochs(layout: Layout, seconds: Numbers, errors: Sequence[str]) -> list[str]:
    """Say what one row a run means, how many runs stopped early, and whether seconds (r, E) look like totals."""
    last = seconds.shape[1]
    if last == 1:
        return ["one row a run: its one epoch is the whole training, so methods with a ladder of epochs have no ladder"]
    stopped = int(np.sum(np.isnan(seconds[:, -1]) & np.array([not error for error in errors])))
    notes = []
    if stopped:
        notes.append(
            f"{stopped} of {len(seconds)} runs stop before epoch {last}: races on the table and fits pass over them"
        )
    grows = np.diff(seconds, axis=1)
    grows = grows[~np.isnan(grows)]
    if not layout.is_cumulative and grows.size >= 2 and (grows > 0).all():
        notes.append(
            f"{layout.cost} grows in every epoch of every run: if it counts from the start of the run, import again "
            f"with --cost {layout.cost}:total"
        )
    return notes


def of_points(problem: Problem, layout: Layout, curves: Mapping[str, Numbers], whole: NDArray[np.bool_]) -> list[str]:
    """Say which reference and ideal points were taken from the runs, and how to keep them."""
    notes = []
    metrics = {metric.name: metric for metric in problem.metrics}
    for goal in layout.goals:
        said = {"reference": goal.reference, "ideal": goal.ideal}
        fixed = {word: goal.sign * getattr(metrics[goal.name], word) for word, value in said.items() if value is None}
        if not fixed:
            continue
        points = " and ".join(f"{word} {value:g}" for word, value in fixed.items())
        options = " ".join(f"--{word} {quote(f'{goal.name}={value + 0.0!r}')}" for word, value in fixed.items())
        notes.append(
            f"{goal.name}: {points} taken from these runs, and fixed from now on. For numbers that others can compare "
            f"with, choose them; for more runs of the same problem, repeat them: {options}"
        )
        if "reference" in fixed and is_crowded(goal, curves[goal.name], whole):
            notes.append(
                f"{goal.name}: half of the runs lie in the best 1 % of the range, so a few bad ones set the reference "
                f"and hypervolumes will hardly differ: choose --reference {goal.name}=..."
            )
    return notes
