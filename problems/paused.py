"""Trainings that are paused: as many as a limit on their memory holds, the one used longest ago is forgotten first.

What is forgotten are weights, and nothing that anybody was told: a run that is wanted again is trained again from its
beginning, to the same bits, and the seconds that were measured of its epochs before stand.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .training_run import TrainingRun

PAUSED_BYTES = 2.0**30
"""How much memory paused runs may take unless somebody says otherwise, 1 GiB."""

_BESIDES = 2**17
"""Bytes that a run takes besides its weights and Adam's two means of each: modules, a generator, curves."""
_NOTHING: NDArray[np.float64] = np.zeros(0)

Key = tuple[str, int]
"""Digest of a configuration, and seed."""


class PausedRuns:
    """The paused runs of one trainer.

    Parameters
    ----------
    limit
        Bytes that they may take in all; the last one is kept even if it takes more alone.
    """

    def __init__(self, limit: float = PAUSED_BYTES) -> None:
        self._limit = limit
        self._runs: OrderedDict[Key, TrainingRun] = OrderedDict()
        self._seconds: dict[Key, NDArray[np.float64]] = {}
        self.bytes = 0
        """What the runs take."""

    def __len__(self) -> int:
        return len(self._runs)

    def take(self, key: Key) -> TrainingRun | None:
        """Give a run away, if it is here."""
        run = self._runs.pop(key, None)
        if run is not None:
            self.bytes -= run.bytes + _BESIDES
        return run

    def keep(self, key: Key, run: TrainingRun) -> None:
        """Pause a run, and forget others until all fit."""
        self._runs[key] = run
        self.bytes += run.bytes + _BESIDES
        while self.bytes > self._limit and len(self._runs) > 1:
            self.take(next(iter(self._runs)))

    def clear(self) -> None:
        """Forget all runs."""
        self._runs.clear()
        self.bytes = 0

    def settle(self, key: Key, seconds: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Let the first measurement of each epoch stand, however often it has been trained.

        Parameters
        ----------
        seconds : (E,) float64
            As measured this time.

        Returns
        -------
        settled : (E,) float64
        further
            Seconds of the epochs after these, as far as they were trained before.
        """
        known = self._seconds.get(key, _NOTHING)
        settled = np.concatenate([known[: len(seconds)], seconds[len(known) :]])
        if len(settled) > len(known):
            self._seconds[key] = settled
        return settled, float(known[len(seconds) :].sum())
