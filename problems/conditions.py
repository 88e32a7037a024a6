"""Conditions of a search space: when is a parameter active?

A condition is a disjunction of conjunctions of *clauses*; a clause compares one parent's number x with constants.
Both forms in which configurations come are served: one row of Python floats, and matrices (n, d).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidConfiguration
from .parameters import Parameter, Value

_TOLERANCE = 1e-9
_SIGNS = {"EQ": "=", "NEQ": "!=", "IN": "in", "LT": "<", "GT": ">"}


@dataclass(frozen=True)
class Clause:
    """One comparison: the parent's x stands in relation ``op`` to ``values`` (and the parent is active)."""

    parent: int
    op: str
    values: tuple[float, ...]
    text: str

    @cached_property
    def _exact(self) -> frozenset[float]:
        return frozenset(self.values)

    def holds(self, x: float) -> bool:
        """Compare one number as `Parameter.encode` gives it (so equality is exact); NaN (inactive) never holds."""
        if self.op in ("EQ", "IN"):
            return x in self._exact
        if self.op == "NEQ":
            return abs(x - self.values[0]) >= _TOLERANCE
        return x < self.values[0] - _TOLERANCE if self.op == "LT" else x > self.values[0] + _TOLERANCE

    def mask(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Compare many numbers (n,)."""
        if self.op in ("EQ", "IN"):
            near: NDArray[np.bool_] = (np.abs(x[:, None] - np.array(self.values)) < _TOLERANCE).any(axis=1)
            return near
        if self.op == "NEQ":
            return np.abs(x - self.values[0]) >= _TOLERANCE
        return x < self.values[0] - _TOLERANCE if self.op == "LT" else x > self.values[0] + _TOLERANCE


@dataclass(frozen=True)
class Condition:
    """Any of several lists of clauses that must all hold."""

    alternatives: tuple[tuple[Clause, ...], ...]

    def __str__(self) -> str:
        return " or ".join(" and ".join(clause.text for clause in clauses) for clauses in self.alternatives)

    @cached_property
    def parents(self) -> frozenset[int]:
        """Positions of all parents."""
        return frozenset(clause.parent for clauses in self.alternatives for clause in clauses)

    @cached_property
    def _single(self) -> Clause | None:
        """The only clause, where there is only one: the usual case."""
        only = len(self.alternatives) == 1 and len(self.alternatives[0]) == 1
        return self.alternatives[0][0] if only else None

    def holds(self, row: Sequence[float]) -> bool:
        """Tell for one configuration, given as numbers, NaN where inactive."""
        clause = self._single
        if clause is not None:
            return clause.holds(row[clause.parent])
        return any(all(clause.holds(row[clause.parent]) for clause in clauses) for clauses in self.alternatives)

    def mask(self, vectors: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell for many configurations (n, d), given which of their parents are active."""
        result = np.zeros(len(vectors), dtype=bool)
        for clauses in self.alternatives:
            every = np.ones(len(vectors), dtype=bool)
            for clause in clauses:
                every &= active[:, clause.parent] & clause.mask(vectors[:, clause.parent])
            result |= every
        return result


def compile_conditions(items: object, parameters: Sequence[Parameter]) -> tuple[Condition | None, ...]:
    """Compile the list ``conditions`` of a ConfigSpace document.

    Returns
    -------
    conditions : (d,)
        One per parameter; None where it is always active. Several conditions on one child must all hold.
    """
    if not isinstance(items, Sequence):
        raise InvalidConfiguration("search space: 'conditions' must be a list")
    index = {parameter.name: i for i, parameter in enumerate(parameters)}
    conditions: list[Condition | None] = [None] * len(parameters)
    for item in items:
        try:
            child = index[_child(item)]
            condition = Condition(_alternatives(item, index, parameters))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidConfiguration(f"search space: condition {item!r} is malformed ({error!r})") from error
        before = conditions[child]
        conditions[child] = condition if before is None else _both(before, condition)
    return tuple(conditions)


def _child(item: Mapping[str, object]) -> str:
    """Name the child; in a conjunction its parts may carry the name instead."""
    return str(item["child"]) if "child" in item else _child(item["conditions"][0])  # type: ignore[index]


def _both(first: Condition, second: Condition) -> Condition:
    return Condition(tuple(a + b for a, b in product(first.alternatives, second.alternatives)))


def _alternatives(
    item: Mapping[str, object], index: Mapping[str, int], parameters: Sequence[Parameter]
) -> tuple[tuple[Clause, ...], ...]:
    """Bring one condition into disjunctive normal form."""
    kind = str(item["type"])
    if kind in ("AND", "OR"):
        parts = [_alternatives(part, index, parameters) for part in item["conditions"]]  # type: ignore[attr-defined]
        if kind == "OR":
            return tuple(clauses for part in parts for clauses in part)
        return tuple(tuple(clause for clauses in combination for clause in clauses) for combination in product(*parts))
    if kind not in _SIGNS:
        raise ValueError(f"unknown kind {kind!r}")
    parent = index[str(item["parent"])]
    values: list[Value] = list(item["values"]) if kind == "IN" else [item["value"]]  # type: ignore[call-overload,list-item]
    numbers = tuple(parameters[parent].encode(value) for value in values)
    shown = "{" + ", ".join(map(str, values)) + "}" if kind == "IN" else str(values[0])
    return ((Clause(parent, kind, numbers, f"{item['parent']} {_SIGNS[kind]} {shown}"),),)
