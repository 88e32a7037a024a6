"""One training, as far as memory lets it go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .device import free_memory, ran_out_of_memory
from .record import CURVES, RunRecord

if TYPE_CHECKING:
    from .training_run import TrainingRun


def attempt(
    begin: Callable[[], TrainingRun], epochs: int, *, started: float, now: Callable[[], float]
) -> tuple[RunRecord, TrainingRun | None]:
    """Begin a run and train it to ``epochs`` epochs.

    Parameters
    ----------
    started
        When that is, in seconds since 1970.
    now
        Reads the clock by which runs measure their seconds.

    Returns
    -------
    record
        All that the run has reached.
    run
        The run itself; None if memory ran out, which is free again for the next one.
    """
    since, error = now(), ""
    run: TrainingRun | None = None
    reached: Mapping[str, list[float]] = {name: [] for name in CURVES}
    try:
        run = begin()
        reached = run.curves
        run.advance(epochs)
        status, lost = run.status, 0.0
    except (MemoryError, RuntimeError) as failure:
        if not ran_out_of_memory(failure):
            raise
        status, error = "out_of_memory", str(failure).partition("\n")[0] or type(failure).__name__
        lost = now() - (since if run is None else run.epoch_began)
        run = None
    if error:
        free_memory()  # not above, where the failure still holds what it interrupted
    curves = {name: np.array(values, dtype=float) for name, values in reached.items()}
    return RunRecord(status=status, curves=curves, started=started, error=error, lost_seconds=lost), run
