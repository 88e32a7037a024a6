"""Paces: seconds that several kinds of machine took, put on the clock of one.

A table may have been collected on more than one kind of machine, and a surrogate's seconds have to be those of one:
the kind that most runs were made on, among those where a run had its device to itself. How many times as long each
other kind takes is a number, its pace: the effect of the kind in a linear regression of log seconds on all that is
worth knowing of a configuration. It needs no configuration that was trained on both, only a design that did not deal
dear configurations to one of them knowingly. Another device has no pace: what is dear on a processor may be cheap on a
GPU. Its runs say nothing of seconds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.threads import one_thread

Array = NDArray[np.float64]

_KIND = ("device", "processor", "torch", "precision", "threads", "runs_per_device", "clock")
_FEWEST, _SHARE, _ENOUGH = 20, 0.05, 500
"""Runs alone on a device for it to be one whose seconds can be learnt: as many as a surrogate needs in all, and such a
share of all runs, but never more than are enough."""
_DOUBT = 5.0
"""Runs that speak for a pace of 1: a kind of machine with hardly any runs is not believed to be another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One kind of machine among those that a table was collected on."""

    machine: str
    runs: int
    times_as_long: float | None
    """As the first machine; None on another device than its, which no number describes."""


def machines(environments: Sequence[str]) -> NDArray[np.object_]:
    """Name the kind of machine (n,) of each run: what its environment says of what seconds depend on."""
    return np.array(_told(environments, _name), dtype=object)


def devices(environments: Sequence[str]) -> NDArray[np.object_]:
    """Name the device (n,) of each run, such as ``cpu``; empty where its environment does not name one."""
    return np.array(_told(environments, lambda values: values.get("device", "")), dtype=object)


def alone(environments: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which runs (n,) shared their device with no other: neighbours on a GPU make each other slow."""
    return np.array(_told(environments, lambda values: values.get("runs_per_device", "1") == "1"), dtype=bool)


def _told(environments: Sequence[str], tell: Callable[[Mapping[str, str]], str | bool]) -> list[str | bool]:
    """Give what each environment says; hardly any are different, so each is read once."""
    told = {text: tell(json.loads(text)) for text in set(environments)}
    return [told[text] for text in environments]


def _name(values: Mapping[str, str]) -> str:
    if "processor" in values:  # trained, perhaps before there was a choice of precision
        values = {"precision": "float32", **values}
    return ", ".join(f"{key} {values[key]}" for key in _KIND if key in values)


def paces(environments: Sequence[str], rich: Array, log_seconds: Array) -> list[Pace]:
    """Estimate the pace of each kind of machine, first the one that is the measure, then those of its device.

    Parameters
    ----------
    environments : (n,)
        Of each run.
    rich : (n, g)
        What is known of the configurations, see `Features.rich`; NaN where a parameter is inactive.
    log_seconds : (n,)
        Natural logarithm of what an epoch took.
    """
    kinds, device = machines(environments), devices(environments)
    first = _measure(kinds, device, alone(environments))
    own = _comparable(device, device[kinds == first][0])
    by_runs = sorted(Counter(kinds.tolist()).items(), key=lambda item: (item[0] != first, -item[1], item[0]))
    others = [name for name, _ in by_runs if name != first and name in kinds[own]]
    factors = _factors(kinds[own], others, rich[own], log_seconds[own])
    known = {first: 1.0, **dict(zip(others, factors, strict=True))}
    found = [Pace(machine=name, runs=runs, times_as_long=known.get(name)) for name, runs in by_runs]
    return sorted(found, key=lambda pace: pace.times_as_long is None)


def _comparable(device: NDArray[np.object_], measure: str) -> NDArray[np.bool_]:
    """Tell which devices (n,) are the ``measure``, for all that is known: imported runs do not name theirs."""
    comparable: NDArray[np.bool_] = (device == measure) | (device == "") | (measure == "")
    return comparable


def _measure(kinds: NDArray[np.object_], device: NDArray[np.object_], single: NDArray[np.bool_]) -> str:
    """Name the kind of machine that made most of the runs that were alone on their device, where enough were."""
    least = max(_FEWEST, min(_ENOUGH, _SHARE * len(device)))
    enough = [name for name, runs in Counter(device[single].tolist()).items() if runs >= least]
    fair = single & np.isin(device, enough) if enough else np.ones(len(kinds), dtype=bool)
    counts = Counter(kinds[fair].tolist())
    return str(min(counts, key=lambda name: (-counts[name], name)))


def _factors(kinds: NDArray[np.object_], others: Sequence[str], rich: Array, log_seconds: Array) -> list[float]:
    """Give how many times as long each of ``others`` takes as the kind of machine that is not among them."""
    if not others:
        return []
    filled = np.where(np.isnan(rich), 0.0, rich)
    dummies = np.array([kinds == name for name in others], dtype=np.float64).T
    rows = np.concatenate([dummies, np.ones((len(filled), 1)), filled, np.isnan(rich)], axis=1)
    prior = np.eye(len(others), rows.shape[1]) * np.sqrt(_DOUBT)
    wanted = np.concatenate([log_seconds, np.zeros(len(others))])
    with one_thread():  # sums in another order would be other paces
        effects = np.linalg.lstsq(np.concatenate([rows, prior]), wanted, rcond=None)[0][: len(others)]
    factors: list[float] = np.exp(effects).tolist()
    return factors
