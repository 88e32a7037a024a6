"""One configuration at a time: natural values to the numbers of a vector and back, as fast as plain Python goes.

A query of a surrogate walks through here once, and numpy's overhead for 13 numbers would be longer than the walk. Both
ways check as they go: what is not legal ends in a look-up that fails, and only then is it found out what was wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

from .conditions import Condition
from .errors import InvalidConfiguration, UnknownName
from .parameters import Parameter, Value

_Encoder = Callable[[Value], float]
_Decoder = Callable[[float], Value]
_Step = tuple[int, str, _Encoder, _Decoder, int, frozenset[float], Condition]


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
        # In ConfigSpace's order, those that are always active stand first.
        always = takewhile(lambda pair: pair[1] is None, zip(parameters, conditions, strict=True))
        roots = [parameter for parameter, _ in always]
        self._encoders = tuple((root.name, root.encoder) for root in roots)
        self._decoders = tuple((root.name, root.decoder) for root in roots)
        self._blank = [math.nan] * (len(parameters) - len(roots))
        self._rest = tuple(_step(*entry) for entry in self._all if entry[0] >= len(roots))
        self._names = tuple(parameter.name for parameter in parameters)

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
            row = [encode(config[name]) for name, encode in self._encoders]
            given = len(row)
            row += self._blank
            for i, name, encode, _, parent, allowed, condition in self._rest:
                if row[parent] in allowed if allowed else condition.holds(row):
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
        config = {name: decode(x) for (name, decode), x in zip(self._decoders, row)}  # noqa: B905
        for i, name, _, decode, parent, allowed, condition in self._rest:
            x = row[i]
            if row[parent] in allowed if allowed else condition.holds(row):
                config[name] = decode(x)
            elif x == x:
                raise ValueError(f"{name} is {x}, and inactive")
        return config

    def settle(self, row: list[float], fill: Callable[[int], float]) -> list[float]:
        """Copy a row (d,) with NaN for what is inactive, and ``fill(position)`` for what is active and was NaN."""
        row = row.copy()
        for i, _, _, _, parent, allowed, condition in self._rest:
            if not (row[parent] in allowed if allowed else condition.holds(row)):
                row[i] = math.nan
            elif row[i] != row[i]:
                row[i] = fill(i)
        return row

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


def _step(position: int, parameter: Parameter, condition: Condition | None) -> _Step:
    """Look up once what `RowCodec` needs of a parameter that is not a root."""
    condition = condition or Condition(alternatives=((),))  # no clause: always holds
    parent, allowed = condition.simple
    return position, parameter.name, parameter.encoder, parameter.decoder, parent, allowed, condition
