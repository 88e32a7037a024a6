"""What a race has spent by the time a trial is completed, in three currencies.

Simulated seconds are what a user waits for; evaluations are what papers without a clock count; full-training
equivalents, the epochs trained over those of one full training, compare multi-fidelity methods with others on
whatever machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import UnknownName
from ..simulator.history import CENSORED

if TYPE_CHECKING:
    from ..simulator.history import History

Cost = Literal["seconds", "evaluations", "trainings"]
"""A currency: simulated seconds, completed trials, or full-training equivalents."""

COSTS: tuple[Cost, ...] = ("seconds", "evaluations", "trainings")


def spent(history: History, cost: Cost, /, *, max_epochs: int) -> NDArray[np.float64]:
    """Give what a race had spent when each of its trials was completed, that trial included.

    Trials that are completed at the same time are counted one after the other, in the order of their rows. Those that
    the end of the budget cut off were never completed: they count neither as evaluations nor as trainings.

    Returns
    -------
    spent : (n,) float64
        By row of ``history``; in the order of completion it never falls.

    Raises
    ------
    UnknownName
        If there is no such ``cost``.
    """
    if cost not in COSTS:
        raise UnknownName.among("cost", cost, COSTS)
    if cost == "seconds":
        return history.finished
    completed = history.status != CENSORED
    if cost == "evaluations":
        price = np.ones(len(history))
    else:
        price = trained_epochs(history) / max_epochs
    order = np.argsort(history.finished, kind="stable")
    total = np.empty(len(history))
    total[order] = np.cumsum(np.where(completed, price, 0.0)[order])
    return total


def trained_epochs(history: History, /) -> NDArray[np.int64]:
    """Give the epochs (n,) that each trial was charged: further ones only where races keep checkpoints."""
    return history.epochs - history.resume_from if history.checkpointing else history.epochs


def total_spent(history: History, cost: Cost, /, *, max_epochs: int) -> float:
    """Give what the whole race spent; 0 without any trial."""
    return float(spent(history, cost, max_epochs=max_epochs).max(initial=0.0))
