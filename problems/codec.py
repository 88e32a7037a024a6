"""One configuration at a time: natural values to the numbers of a vector and back, as fast as plain Python goes.

A query of a surrogate walks through here once, and numpy's overhead for 13 numbers would be longer than the walk. Both
ways check as they go: what is not legal ends in a look-up that fails, and only then is it found out what was wrong.

Small choices decide which other parameters are active. What follows from a combination of them is found out when it is
first met, and kept: a *plan*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from .conditions import Condition
from .errors import InvalidConfiguration, UnknownName
from .parameters import Parameter, Value

_MOST_PLANS = 4096

_Encoder = Callable[[Value], float]
_Decoder = Callable[[float], Value]


class _Encoding(NamedTuple):
    """What the encoding of configurations has in common that agree in the key parameters."""

    row: list[float]
    """(d,) numbers of the key parameters, NaN for all others."""
    given: int
    """How many parameters have a value, those aside that are undecided."""
    active: tuple[tuple[int, str, _Encoder], ...]
    """Other parameters that have a value."""
    undecided: tuple[tuple[int, str, _Encoder, Condition], ...]
    """Those whose condition hangs on more than the key."""


class _Decoding(NamedTuple):
    """What decoding has in common."""

    config: dict[str, Value]
    """Natural values of the key parameters."""
    active: tuple[tuple[int, str, _Decoder], ...]
    idle: tuple[int, ...]
    """Positions of parameters that have no value."""
    undecided: tuple[tuple[int, str, _Decoder, Condition], ...]


class RowCodec:
    """Encodes and decodes the configurations of a space.

    Parameters
    ----------
    parameters : (d,)
        In vector order.
    conditions : (d,)
        Under which each is active; None: always.
    order : (d,)
        Their positions, parents before children.
    """

    def __init__(
        self, parameters: Sequence[Parameter], conditions: Sequence[Condition | None], order: Sequence[int]
    ) -> None:
        self._all = [(i, parameters[i], conditions[i]) for i in order]
        self._names = tuple(parameter.name for parameter in parameters)
        self._width = len(parameters)
        self._key = _key(parameters, conditions)
        self._key_parameters = [(i, parameters[i]) for i in self._key]
        self._values_of = _getter([parameters[i].name for i in self._key])
        self._numbers_of = _getter(self._key)
        self._encodings: dict[Any, _Encoding] = {}
        self._decodings: dict[Any, _Decoding] = {}

    def encode(self, config: Mapping[str, Value]) -> list[float]:
        """Turn natural values into numbers (d,), NaN where inactive.

        Raises
        ------
        InvalidConfiguration
            If a value is out of range or of the wrong type, an active parameter is missing, or an inactive one given.
        UnknownName
            If a name is not a parameter of the space.
        """
        try:
            plan = self._encodings.get(self._values_of(config))
            numbers, given, active, undecided = plan or self._plan_encoding(config)
            row = numbers.copy()
            for i, name, encode in active:
                row[i] = encode(config[name])
            for i, name, encode, condition in undecided:
                if condition.holds(row):
                    row[i] = encode(config[name])
                    given += 1
        except (KeyError, TypeError, ValueError):
            self._explain(config)
            raise
        if given != len(config):
            self._explain(config)
        return row

    def decode(self, row: list[float]) -> dict[str, Value]:
        """Turn the numbers (d,) of a configuration into its active natural values.

        Raises
        ------
        KeyError, ValueError
            If they are not, to the last bit, numbers that `encode` gives.
        """
        if len(row) != self._width:
            raise ValueError(f"{len(row)} numbers, expected {self._width}")
        plan = self._decodings.get(self._numbers_of(row))
        key, active, idle, undecided = plan or self._plan_decoding(row)
        config = key.copy()
        for i, name, decode in active:
            config[name] = decode(row[i])
        for i in idle:
            if row[i] == row[i]:
                raise ValueError(f"{self._names[i]} is {row[i]}, and inactive")
        for i, name, decode, condition in undecided:
            if condition.holds(row):
                config[name] = decode(row[i])
            elif row[i] == row[i]:
                raise ValueError(f"{name} is {row[i]}, and inactive")
        return config

    def settle(self, row: list[float], fill: Callable[[int], float]) -> list[float]:
        """Copy a row (d,) with NaN for what is inactive, and ``fill(position)`` for what is active and was NaN."""
        plan = self._decodings.get(self._numbers_of(row))
        _, active, idle, undecided = plan or self._plan_decoding(row)
        row = row.copy()
        for i in idle:
            row[i] = math.nan
        for i, _, _ in active:
            if row[i] != row[i]:
                row[i] = fill(i)
        for i, _, _, condition in undecided:
            if not condition.holds(row):
                row[i] = math.nan
            elif row[i] != row[i]:
                row[i] = fill(i)
        return row

    def _plan_encoding(self, config: Mapping[str, Value]) -> _Encoding:
        """Make the plan for the key values of a configuration, and keep it."""
        row = [math.nan] * self._width
        for i, parameter in self._key_parameters:
            row[i] = parameter.encoder(config[parameter.name])
        active, _, undecided = self._sort(row)
        plan = _Encoding(
            row=row,
            given=len(self._key) + len(active),
            active=tuple((i, parameter.name, parameter.encoder) for i, parameter in active),
            undecided=tuple((i, parameter.name, parameter.encoder, condition) for i, parameter, condition in undecided),
        )
        self._encodings[self._values_of(config)] = plan
        return plan

    def _plan_decoding(self, row: list[float]) -> _Decoding:
        """Make the plan for the key numbers of a row (d,), and keep it; KeyError if they are no numbers of values."""
        config = {parameter.name: parameter.decoder(row[i]) for i, parameter in self._key_parameters}
        active, idle, undecided = self._sort(row)
        plan = _Decoding(
            config=config,
            active=tuple((i, parameter.name, parameter.decoder) for i, parameter in active),
            idle=idle,
            undecided=tuple((i, parameter.name, parameter.decoder, condition) for i, parameter, condition in undecided),
        )
        self._decodings[self._numbers_of(row)] = plan
        return plan

    def _sort(
        self, row: list[float]
    ) -> tuple[list[tuple[int, Parameter]], tuple[int, ...], list[tuple[int, Parameter, Condition]]]:
        """Sort parameters that are not in the key by what follows from its numbers: active, idle, undecided."""
        key = frozenset(self._key)
        active, idle, undecided = list[tuple[int, Parameter]](), list[int](), list[tuple[int, Parameter, Condition]]()
        for i, parameter, condition in self._all:
            if i in key:
                continue
            if condition is not None and not condition.parents <= key:
                undecided.append((i, parameter, condition))
            elif condition is None or condition.holds(row):
                active.append((i, parameter))
            else:
                idle.append(i)
        return active, tuple(idle), undecided

    def _explain(self, config: Mapping[str, Value]) -> None:
        """Raise the error that says what is wrong with ``config``."""
        if not isinstance(config, Mapping):
            raise InvalidConfiguration(
                f"a configuration is a dict of natural values or a numpy vector of {len(self._names)} numbers, "
                f"got {type(config).__name__}"
            )
        for name in config:
            if name not in self._names:
                raise UnknownName.among("hyperparameter", str(name), self._names)
        row = [math.nan] * len(self._names)
        for i, parameter, condition in self._all:
            name = parameter.name
            active = condition is None or condition.holds(row)
            if not active and name in config:
                raise InvalidConfiguration(
                    f"hyperparameter {name!r} is inactive here (it needs {condition}): leave it out"
                )
            if active and name not in config:
                needs = f" (active because {condition})" if condition is not None else ""
                raise InvalidConfiguration(f"hyperparameter {name!r} is missing{needs}: expected {parameter}")
            if active:
                row[i] = parameter.check(config[name])


def _key(parameters: Sequence[Parameter], conditions: Sequence[Condition | None]) -> tuple[int, ...]:
    """Choose parameters that are always active and have few values: those that others hang on first, then the smallest.

    No more of them than have `_MOST_PLANS` combinations.
    """
    parents = frozenset[int]().union(*(condition.parents for condition in conditions if condition is not None))
    roots = [i for i, condition in enumerate(conditions) if condition is None]
    chosen, combinations = list[int](), 1.0
    for i in sorted(roots, key=lambda i: (i not in parents, parameters[i].size)):
        if combinations * parameters[i].size <= _MOST_PLANS:
            chosen.append(i)
            combinations *= parameters[i].size
    return tuple(sorted(chosen))


def _getter(keys: Sequence[Any]) -> Callable[[Any], Any]:
    """Make the function that takes the items ``keys`` of what it is given."""
    return itemgetter(*keys) if keys else lambda _: ()
