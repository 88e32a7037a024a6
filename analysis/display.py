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

    def brief(self, loss: float) -> str:
        """Write one loss where there is little room: ``"48k"``, ``"2.5"``."""
        value = float(self.values(np.array([loss]))[0])
        if not self.logarithmic:
            return f"{value:.2g}"
        power = min(max(int(math.log10(max(value, 1.0))) // 3, 0), 3)
        return f"{value / 1e3**power:.3g}{('', 'k', 'M', 'G')[power]}"


def axis(objective: Objective) -> Axis:
    """Choose how to show an objective."""
    logarithmic = objective.name.startswith(_LOG)
    name = objective.name.removeprefix(_LOG)
    label = _NAMES.get(name, name.replace("_", " "))
    unit = f" ({objective.unit})" if objective.unit else ""
    return Axis(
        label=label + unit, logarithmic=logarithmic, sign=-1.0 if objective.maximize else 1.0, unit=objective.unit
    )


def better_corner(vertical: Objective, horizontal: Objective) -> str:
    """Name the corner of a plot of two objectives where good networks are: axes show natural values."""
    return f"{'upper' if vertical.maximize else 'lower'} {'right' if horizontal.maximize else 'left'}"


_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))
_STEPS = tuple(
    count * seconds
    for seconds, counts in ((1, (1, 2, 5, 10, 20, 30)), (60, (1, 2, 5, 10, 20, 30)), (3_600, (1, 2, 4, 6, 12)))
    for count in counts
)
"""Round steps of a time axis below a day, in seconds."""


def duration(seconds: float) -> str:
    """Write a duration shortly, e.g. ``"10 min"`` or ``"3.4 h"``."""
    if not math.isfinite(seconds):
        return "—"
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms" if seconds else "0"


def time_unit(longest: float) -> tuple[str, float]:
    """Choose the largest unit, with its seconds, in which ``longest`` seconds are 3 or more."""
    return next(((unit, seconds) for unit, seconds in _UNITS if longest >= 3 * seconds), _UNITS[-1])


def linear_ticks(end: float) -> list[float]:
    """Choose round times in [0, end], 8 of them or fewer."""
    days = 86_400.0 * max(1, math.ceil(end / (7 * 86_400)))
    step = next((step for step in _STEPS if end <= 7 * step), days)
    return [step * index for index in range(int(end / step) + 1)]


def logarithmic_ticks(start: float, end: float) -> list[float]:
    """Choose the times in [start, end] that people say: 1 and 10 of each unit, and what is below a second."""
    small = [10.0**power for power in range(-4, 0)]
    said = [*small, 1.0, 10.0, 60.0, 600.0, 3_600.0, 36_000.0, 86_400.0, 864_000.0, 8_640_000.0]
    return [time for time in said if start <= time <= end]


def configuration(values: Mapping[str, Value]) -> list[str]:
    """Write each value of a configuration as ``name value``."""
    return [f"{name} {parameter_value(value)}" for name, value in values.items()]


def parameter_value(value: Value) -> str:
    """Write the value of one parameter."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
