"""Paces: seconds that several kinds of machine took, put on the clock of one.

A table may have been collected on more than one kind of machine, and a surrogate's seconds have to be those of one:
the kind that most runs were made on. How many times as long each other kind takes is a number, its pace: the effect of
the kind in a linear regression of log seconds on all that is worth knowing of a configuration. It needs no
configuration that was trained on both, only a design that did not deal dear configurations to one of them knowingly.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.threads import one_thread

Array = NDArray[np.float64]

_KIND = ("device", "processor", "torch", "precision", "threads", "runs_per_device", "clock")
_DOUBT = 5.0
"""Runs that speak for a pace of 1: a kind of machine with hardly any runs is not believed to be another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One kind of machine among those that a table was collected on."""

    machine: str
    runs: int
    times_as_long: float
    """As the machine that most runs were made on."""


def machines(environments: Sequence[str]) -> NDArray[np.object_]:
    """Name the kind of machine (n,) of each run: what its environment says of what seconds depend on."""
    names = {text: _name(text) for text in set(environments)}
    return np.array([names[text] for text in environments], dtype=object)


def _name(environment: str) -> str:
    values = json.loads(environment)
    if "processor" in values:  # trained, perhaps before there was a choice of precision
        values = {"precision": "float32", **values}
    return ", ".join(f"{key} {values[key]}" for key in _KIND if key in values)


def paces(kinds: NDArray[np.object_], rich: Array, log_seconds: Array) -> list[Pace]:
    """Estimate the pace of each kind of machine, the one with most runs first.

    Parameters
    ----------
    kinds : (n,)
        Of each run, see `machines`.
    rich : (n, g)
        What is known of the configurations, see `Features.rich`; NaN where a parameter is inactive.
    log_seconds : (n,)
        Natural logarithm of what an epoch took.
    """
    counts = sorted(Counter(kinds.tolist()).items(), key=lambda item: (-item[1], item[0]))
    others = [name for name, _ in counts[1:]]
    effects = np.zeros(0)
    if others:
        filled = np.where(np.isnan(rich), 0.0, rich)
        dummies = np.array([kinds == name for name in others], dtype=np.float64).T
        rows = np.concatenate([dummies, np.ones((len(filled), 1)), filled, np.isnan(rich)], axis=1)
        prior = np.eye(len(others), rows.shape[1]) * np.sqrt(_DOUBT)
        wanted = np.concatenate([log_seconds, np.zeros(len(others))])
        with one_thread():  # sums in another order would be other paces
            effects = np.linalg.lstsq(np.concatenate([rows, prior]), wanted, rcond=None)[0][: len(others)]
    factors = [1.0, *np.exp(effects).tolist()]
    return [
        Pace(machine=name, runs=runs, times_as_long=factor)
        for (name, runs), factor in zip(counts, factors, strict=True)
    ]
