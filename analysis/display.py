"""Numbers for people: natural units, axis labels and readable amounts.

Losses become what people quote only here: ``log10_`` objectives are shown as the quantity itself on a logarithmic
axis, and maximised ones with their sign turned back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.parameters import Value
from ..problems.problem import Objective

_NAMES = {
    "val_error": "validation error",
    "val_loss": "validation loss",
    "test_error": "test error",
    "params": "number of parameters",
    "macs": "multiply-accumulates per image",
    "train_seconds": "training time",
}
_LOG = "log10_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """How one objective is shown."""

    label: str
    """Name with unit, e.g. ``"validation error (%)"``."""
    logarithmic: bool
    sign: float
    unit: str

    def values(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert losses (n,) to natural values (n,)."""
        natural = self.sign * losses
        return 10.0**natural if self.logarithmic else natural

    def text(self, loss: float) -> str:
        """Write one loss as its natural value with unit."""
        value = float(self.values(np.array([loss]))[0])
        if self.logarithmic:
            return f"{value:,.0f}"
        return f"{value:.4g} {self.unit}".rstrip()


def axis(objective: Objective) -> Axis:
    """Choose how to show an objective."""
    logarithmic = objective.name.startswith(_LOG)
    name = objective.name.removeprefix(_LOG)
    label = _NAMES.get(name, name.replace("_", " "))
    unit = f" ({objective.unit})" if objective.unit else ""
    return Axis(
        label=label + unit, logarithmic=logarithmic, sign=-1.0 if objective.maximize else 1.0, unit=objective.unit
    )


_UNITS = (("d", "days", 86_400.0), ("h", "hours", 3_600.0), ("min", "minutes", 60.0), ("s", "seconds", 1.0))


def time_unit(longest: float) -> tuple[str, float]:
    """Choose the largest unit, with its seconds, in which ``longest`` seconds are 3 or more."""
    for _, name, seconds in _UNITS:
        if longest >= 3 * seconds:
            return name, seconds
    return "seconds", 1.0


def duration(seconds: float) -> str:
    """Write a duration shortly, e.g. ``"10 min"`` or ``"3.4 h"``."""
    if not math.isfinite(seconds):
        return "—"
    for unit, _, length in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"


def configuration(values: Mapping[str, Value]) -> list[str]:
    """Write each value of a configuration as ``name value``."""
    return [f"{name} {_value(value)}" for name, value in values.items()]


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
