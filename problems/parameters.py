"""One parameter of a search space: its values, and their numbers in [0, 1].

A *number* parameter (float or integer, linear or log) maps to the unit interval; a *choice* parameter (categorical,
ordinal, constant) maps to its choice index. Numbers equal those of ConfigSpace's vectors, but for constants, which
are 1 there; distributions are equal, too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidConfiguration

Value = bool | int | float | str
"""A natural value of a parameter."""

Column = NDArray[np.float64]
"""Numbers of one parameter over many configurations, (n,)."""

_TABLE_LIMIT = 65_536
_DECIMALS = 10  # of drawn floats: decoded and encoded again they keep their digest, which rounds at the same place


class Parameter(ABC):
    """What a space needs of a parameter; numbers in vectors are called x, numbers in [0, 1) drawn uniformly u."""

    name: str
    default: Value

    @property
    @abstractmethod
    def size(self) -> float:
        """Number of different values; infinite for a float."""

    @property
    @abstractmethod
    def log(self) -> bool:
        """Whether the scale is logarithmic."""

    @abstractmethod
    def encode(self, value: Value) -> float:
        """Turn a value into x; KeyError, TypeError or ValueError if it is not one (`check` says why).

        Values are compared as Python does, so 1, 1.0, True and numpy's forms of them are the same value, whether they
        come from JSON, CSV, pandas or another optimizer.
        """

    @property
    def encoder(self) -> Callable[[Value], float]:
        """`encode`, or something faster that does the same."""
        return self.encode

    @abstractmethod
    def decode(self, x: float) -> Value:
        """Turn x into the value."""

    @property
    @abstractmethod
    def decoder(self) -> Callable[[float], Value]:
        """`decode`, but fast, and KeyError or ValueError for an x that is not exactly the number of a value.

        Of integers too many to list every x is refused.
        """

    @abstractmethod
    def from_unit(self, u: Column) -> Column:
        """Map uniform numbers to x, distributed as declared."""

    @abstractmethod
    def snap(self, x: Column) -> Column:
        """Move each x to the nearest legal one; NaN becomes the default's."""

    @abstractmethod
    def natural(self, x: Column) -> Column:
        """Natural values as float64; choice indices where the choices are words."""

    @abstractmethod
    def step(self, x: float, rng: np.random.Generator, scale: float) -> float:
        """Draw a neighbouring, different x."""

    def check(self, value: Value) -> float:
        """Encode ``value``, or raise an `InvalidConfiguration` that says what was expected."""
        try:
            return self.encode(value)
        except (KeyError, TypeError, ValueError):
            raise InvalidConfiguration(f"hyperparameter {self.name!r} is {value!r}: expected {self}") from None


@dataclass(frozen=True)
class Number(Parameter):
    """A float or integer in [lower, upper], linear or logarithmic."""

    name: str
    lower: float
    upper: float
    default: Value
    is_log: bool
    integer: bool

    def __str__(self) -> str:
        kind = "an integer" if self.integer else "a number"
        return f"{kind} in [{self.lower:g}, {self.upper:g}]" + (" (log scale)" if self.is_log else "")

    @property
    def log(self) -> bool:  # noqa: D102
        return self.is_log

    @property
    def size(self) -> float:  # noqa: D102
        return self.upper - self.lower + 1 if self.integer else math.inf

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """Lower end and length of the scaled interval."""
        if self.is_log:
            return math.log(self.lower), math.log(self.upper) - math.log(self.lower)
        return self.lower, self.upper - self.lower

    @cached_property
    def _grid(self) -> Mapping[Value, float] | None:
        """x of every integer value, computed once so that scalar and vectorised paths agree to the last bit."""
        if not self.integer or self.size > _TABLE_LIMIT:
            return None
        values = np.arange(int(self.lower), int(self.upper) + 1)
        return dict(zip(values.tolist(), self._to_x(values.astype(float)).tolist(), strict=True))

    @cached_property
    def _values(self) -> Mapping[float, Value]:
        return {x: value for value, x in (self._grid or {}).items()}

    def _to_x(self, values: Column) -> Column:
        low, length = self._ends
        return ((np.log(values) if self.is_log else values) - low) / length

    def _to_value(self, x: Column) -> Column:
        low, length = self._ends
        scaled = x * length + low
        values = np.clip(np.exp(scaled) if self.is_log else scaled, self.lower, self.upper)
        return np.rint(values) if self.integer else values

    def encode(self, value: Value) -> float:  # noqa: D102
        if self._grid is not None:
            return self._grid[value]
        if not isinstance(value, int | float | np.number) or not self.lower <= value <= self.upper:
            raise ValueError
        if self.integer and value != int(value):
            raise ValueError
        low, length = self._ends
        return ((math.log(value) if self.is_log else value) - low) / length

    @property
    def encoder(self) -> Callable[[Value], float]:  # noqa: D102
        if self._grid is not None:
            return self._grid.__getitem__
        if self.integer:
            return self.encode
        encode, lower, upper, (low, length) = self.encode, self.lower, self.upper, self._ends
        log = math.log if self.is_log else float

        def encoder(value: Value) -> float:
            if value.__class__ is float and lower <= value <= upper:
                return (log(value) - low) / length
            return encode(value)

        return encoder

    @cached_property
    def decoder(self) -> Callable[[float], Value]:  # noqa: D102
        if self.integer:
            return self._values.__getitem__
        lower, upper, (low, length) = self.lower, self.upper, self._ends
        exp = math.exp if self.is_log else float

        def decoder(x: float) -> Value:
            if not 0.0 <= x <= 1.0:
                raise ValueError(x)
            value = exp(x * length + low)
            return lower if value < lower else upper if value > upper else value

        return decoder

    def decode(self, x: float) -> Value:  # noqa: D102
        if not self.integer:
            return self.decoder(min(max(x, 0.0), 1.0))
        value = self._values.get(x)
        return int(self._to_value(np.array(x))) if value is None else value

    def from_unit(self, u: Column) -> Column:  # noqa: D102
        if not self.integer:
            return np.round(u, _DECIMALS)
        if not self.is_log:
            return self._to_x(np.floor(self.lower + u * self.size))
        # ConfigSpace's law: log-uniform over the range, then as many equal bins as there are integers.
        low, length = self._ends
        position = (np.exp(low + u * length) - self.lower) / (self.upper - self.lower)
        return self._to_x(np.minimum(self.lower + np.floor(position * self.size), self.upper))

    def snap(self, x: Column) -> Column:  # noqa: D102
        filled = np.where(np.isnan(x), self.encode(self.default), x)
        clipped = np.clip(filled, 0.0, 1.0)
        return self._to_x(self._to_value(clipped)) if self.integer else clipped

    def natural(self, x: Column) -> Column:  # noqa: D102
        return self._to_value(x)

    def step(self, x: float, rng: np.random.Generator, scale: float) -> float:  # noqa: D102
        while True:
            moved = x + scale * rng.standard_normal()
            if not 0.0 <= moved <= 1.0:
                continue
            if not self.integer:
                return float(moved)
            value = self._to_value(np.array([x, moved]))
            if value[0] == value[1]:  # closer than one grid step: take that step
                value[1] += 1 if (moved > x and value[0] < self.upper) or value[0] == self.lower else -1
            return float(self._to_x(value[1:])[0])


@dataclass(frozen=True)
class Choice(Parameter):
    """One of several values: categorical, ordinal (ordered) or constant (one choice)."""

    name: str
    choices: tuple[Value, ...]
    default: Value
    weights: tuple[float, ...]
    """Probabilities of the choices; they sum to 1."""
    ordered: bool

    def __str__(self) -> str:
        return "one of " + ", ".join(str(choice) for choice in self.choices)

    @property
    def log(self) -> bool:  # noqa: D102
        return False

    @property
    def size(self) -> float:  # noqa: D102
        return len(self.choices)

    @cached_property
    def _index(self) -> Mapping[Value, float]:
        return {choice: float(i) for i, choice in enumerate(self.choices)}

    @cached_property
    def _numbers(self) -> Column:
        words = any(isinstance(choice, str) for choice in self.choices)
        return np.arange(len(self.choices), dtype=float) if words else np.array(self.choices, dtype=float)

    def encode(self, value: Value) -> float:  # noqa: D102
        return self._index[value]

    @property
    def encoder(self) -> Callable[[Value], float]:  # noqa: D102
        return self._index.__getitem__

    def decode(self, x: float) -> Value:  # noqa: D102
        return self.choices[int(x)]

    @cached_property
    def decoder(self) -> Callable[[float], Value]:  # noqa: D102
        return {float(i): choice for i, choice in enumerate(self.choices)}.__getitem__

    def from_unit(self, u: Column) -> Column:  # noqa: D102
        edges = np.cumsum(self.weights)[:-1]
        return np.searchsorted(edges, u, side="right").astype(float)

    def snap(self, x: Column) -> Column:  # noqa: D102
        filled = np.where(np.isnan(x), self.encode(self.default), x)
        return np.clip(np.rint(filled), 0.0, len(self.choices) - 1.0)

    def natural(self, x: Column) -> Column:  # noqa: D102
        numbers: Column = self._numbers[np.where(np.isnan(x), 0.0, x).astype(int)]
        return numbers

    def step(self, x: float, rng: np.random.Generator, scale: float) -> float:  # noqa: D102
        if not self.ordered:
            return float((int(x) + rng.integers(1, len(self.choices))) % len(self.choices))
        up = int(x) == 0 or (int(x) < len(self.choices) - 1 and rng.random() < 0.5)
        return x + 1 if up else x - 1
