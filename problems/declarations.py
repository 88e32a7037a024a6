"""How a ConfigSpace document declares parameters: one entry of its list of hyperparameters, compiled and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .errors import InvalidConfiguration
from .parameters import Choice, Number, Parameter, Value

_LARGEST = 2**53  # of the integers that float64 holds exactly


def compile_parameter(item: object) -> Parameter:
    """Compile one entry of the list ``hyperparameters`` of a ConfigSpace document.

    Raises
    ------
    InvalidConfiguration
        If it is malformed, or of a kind that is not supported.
    """
    if not isinstance(item, Mapping):
        raise InvalidConfiguration(f"search space: expected a hyperparameter, got {item!r}")
    kind, name = item.get("type"), str(item.get("name"))
    try:
        if kind in ("uniform_float", "uniform_int"):
            return _compile_number(item, name, integer=kind == "uniform_int")
        if kind in ("categorical", "ordinal", "constant"):
            return _compile_choice(item, name, str(kind))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidConfiguration(f"search space: hyperparameter {name!r} is malformed ({error!r})") from error
    raise InvalidConfiguration(
        f"search space: hyperparameter {name!r} is of kind {kind!r}: "
        "expected uniform_float, uniform_int, categorical, ordinal or constant"
    )


def _compile_number(item: Mapping[str, object], name: str, *, integer: bool) -> Number:
    cast = int if integer else float
    lower, upper, log = float(item["lower"]), float(item["upper"]), bool(item.get("log", False))  # type: ignore[arg-type]
    if not (lower < upper and math.isfinite(upper - lower)) or (log and lower <= 0):
        raise ValueError(f"range [{lower}, {upper}]")
    if integer and not (lower.is_integer() and upper.is_integer()):
        raise ValueError(f"range [{lower}, {upper}] of integers")
    if integer and max(-lower, upper) > _LARGEST:
        raise ValueError(f"range [{lower:g}, {upper:g}] of integers, beyond {_LARGEST} they are not told apart")
    default = item.get("default_value")
    if default is None:
        default = math.sqrt(lower * upper) if log else (lower + upper) / 2
    if not lower <= default <= upper:  # type: ignore[operator]
        raise ValueError(f"default {default}, range [{lower}, {upper}]")
    return Number(name, lower, upper, cast(round(default) if integer else default), log, integer)  # type: ignore[arg-type,call-overload]


def _compile_choice(item: Mapping[str, object], name: str, kind: str) -> Choice:
    key = {"categorical": "choices", "ordinal": "sequence", "constant": "value"}[kind]
    choices: tuple[Value, ...] = (item[key],) if kind == "constant" else tuple(item[key])  # type: ignore[assignment,arg-type]
    weights = np.array(item.get("weights") or [1.0] * len(choices), dtype=float)
    default = item.get("default_value", next(iter(choices), None))
    if not choices or len(set(choices)) < len(choices) or default not in choices:
        raise ValueError(f"choices {choices}, default {default!r}")
    if len(weights) != len(choices) or not (weights >= 0).all() or not 0 < weights.sum() < math.inf:
        raise ValueError(f"weights {weights.tolist()}")
    return Choice(name, choices, default, tuple((weights / weights.sum()).tolist()), kind == "ordinal")
