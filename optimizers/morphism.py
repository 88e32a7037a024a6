"""Network morphisms as changes of a configuration: deepen, widen, narrow, and small steps of everything else.

A morphism proper (Chen, Goodfellow, Shlens 2016; Wei, Wang, Rui, Chen 2016) makes a network larger and keeps the
function that it computes, by its weights. A table or surrogate knows no weights: only the architecture is inherited.

A *stack* is a family of numeric parameters ``name_0, name_1, ...``, the widths of layers, the activity of whose members
hangs on one integer, their depth. It is found by these names and the conditions of the space. An operator takes the
space, a configuration (d,) and a generator; it gives a legal configuration, or None where it does not apply.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..problems.parameters import Number
from ..problems.space import Space, Vector

Operator = Callable[[Space, Vector, np.random.Generator], Vector | None]

_FACTORS = (2.0, 4.0)  # of widening
_KEPT = (1 / 2, 3 / 4)  # of narrowing
_STEP = 0.1  # standard deviation of a small step, in the unit interval


@dataclass(frozen=True, slots=True)
class Stack:
    """Positions of the parameters of layers on top of each other."""

    depth: int
    widths: tuple[int, ...]
    """First layer first."""


@lru_cache(maxsize=16)
def stacks(space: Space) -> tuple[Stack, ...]:
    """Find the stacks of a space, in the order of their first widths; there may be none."""
    families: dict[str, dict[int, int]] = {}
    for position, parameter in enumerate(space.parameters):
        name = re.fullmatch(r"(.*)_(\d+)", parameter.name)
        if name and isinstance(parameter, Number):
            families.setdefault(name[1], {})[int(name[2])] = position
    found = []
    for layers in families.values():
        widths = tuple(layers[layer] for layer in sorted(layers))
        conditions = [space.conditions[position] for position in widths]
        parents = {parent for condition in conditions if condition is not None for parent in condition.parents}
        depth = parents.pop() if len(parents) == 1 else None
        if depth is not None and _is_integer(space, depth) and sorted(layers) == list(range(len(layers))):
            found.append(Stack(depth, widths))
    return tuple(found)


def layers(vector: Vector, stack: Stack) -> list[int]:
    """Give the positions of the widths that ``vector`` (d,) has."""
    return [position for position in stack.widths if not math.isnan(vector[position])]


def deepen(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Put a layer behind a random one of a random stack, as wide as that; a first one has the default width."""
    chosen = _resized(space, vector, rng, 1)
    if chosen is None:
        return None
    child, stack, place = chosen
    return with_widths(space, child, stack, _doubled(_widths(space, vector, stack), place))


def with_layer(space: Space, vector: Vector, stack: Stack, place: int) -> Vector | None:
    """Put a layer behind layer ``place``, as wide as that; None where the stack has no room."""
    grown = _with_depth(space, vector, stack, 1)
    if grown is None:
        return None
    return with_widths(space, grown, stack, _doubled(_widths(space, vector, stack), place))


def without_layer(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Take a random layer away."""
    chosen = _resized(space, vector, rng, -1)
    if chosen is None:
        return None
    child, stack, place = chosen
    widths = _widths(space, vector, stack)
    return with_widths(space, child, stack, widths[:place] + widths[place + 1 :])


def widen(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Make a random layer 2 or 4 times wider, as far as its range allows."""
    return _scaled(space, vector, rng, _FACTORS)


def narrow(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Take a half or a quarter of the units of a random layer away, as far as its range allows."""
    return _scaled(space, vector, rng, _KEPT)


def nudge(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Move one active parameter that belongs to no stack by a small step; None where there is none.

    Parameters that become active are drawn afresh.
    """
    architecture = {position for stack in stacks(space) for position in (stack.depth, *stack.widths)}
    row = vector.tolist()
    movable = [
        i
        for i, parameter in enumerate(space.parameters)
        if i not in architecture and not math.isnan(row[i]) and parameter.size > 1
    ]
    if not movable:
        return None
    chosen = movable[int(rng.integers(len(movable)))]
    unit = rng.random(len(space))
    row[chosen] = space.parameters[chosen].step(row[chosen], rng, _STEP)
    return np.array(space.settle_row(row, lambda i: float(space.parameters[i].from_unit(unit[i : i + 1])[0])))


def neighbour(space: Space, vector: Vector, rng: np.random.Generator, operators: Sequence[Operator]) -> Vector:
    """Apply a random one of the operators that apply; where none does, take any neighbour in the space."""
    for i in rng.permutation(len(operators)):
        child: Vector | None = operators[i](space, vector, rng)
        if child is not None:
            return child
    other: Vector = space.neighbours(vector, rng, 1)[0]
    return other


def with_widths(space: Space, vector: Vector, stack: Stack, widths: Sequence[float]) -> Vector:
    """Set the widths of the layers, in units, each as near to what is wanted as its range and grid allow."""
    child = vector.copy()
    for position, width in zip(stack.widths, widths, strict=False):
        child[position] = encode_nearest(space, position, width)
    return child


def encode_nearest(space: Space, position: int, value: float) -> float:
    """Encode the value of a numeric parameter that is nearest to ``value``."""
    parameter = space.parameters[position]
    if not isinstance(parameter, Number):
        raise TypeError(f"{parameter.name!r} is not a number")
    inside = min(max(value, parameter.lower), parameter.upper)
    return parameter.encode(round(inside) if parameter.integer else inside)


def _is_integer(space: Space, position: int) -> bool:
    parameter = space.parameters[position]
    return isinstance(parameter, Number) and parameter.integer


def _widths(space: Space, vector: Vector, stack: Stack) -> list[float]:
    return [float(space.parameters[i].decode(float(vector[i]))) for i in layers(vector, stack)]


def _doubled(widths: list[float], place: int) -> list[float]:
    return [*widths[: place + 1], *widths[place:]]


def _resized(space: Space, vector: Vector, rng: np.random.Generator, more: int) -> tuple[Vector, Stack, int] | None:
    """Change the depth of a random stack by one, and name it and one of the layers that it had."""
    changed = [(stack, _with_depth(space, vector, stack, more)) for stack in stacks(space)]
    choices = [
        (child, stack, place)
        for stack, child in changed
        if child is not None
        for place in range(max(len(layers(vector, stack)), more))  # behind none there is room for a first one
    ]
    return choices[int(rng.integers(len(choices)))] if choices else None


def _with_depth(space: Space, vector: Vector, stack: Stack, more: int) -> Vector | None:
    """Change the depth by one; None unless it is active and its range and the stack's activity allow.

    A width that becomes active has its default.
    """
    row = vector.tolist()
    if math.isnan(row[stack.depth]):
        return None
    depth = float(space.parameters[stack.depth].decode(row[stack.depth]))
    row[stack.depth] = encode_nearest(space, stack.depth, depth + more)
    child = np.array(space.settle_row(row, lambda i: space.parameters[i].encode(space.parameters[i].default)))
    return child if len(layers(child, stack)) == len(layers(vector, stack)) + more else None


def _scaled(space: Space, vector: Vector, rng: np.random.Generator, factors: Sequence[float]) -> Vector | None:
    """Multiply the width of a random layer by a random one of the ``factors``."""
    factor = factors[int(rng.integers(len(factors)))]
    choices = []
    for stack in stacks(space):
        widths = zip(layers(vector, stack), _widths(space, vector, stack), strict=True)
        scaled = [(position, encode_nearest(space, position, width * factor)) for position, width in widths]
        choices += [(position, x) for position, x in scaled if x != vector[position]]
    if not choices:
        return None
    position, x = choices[int(rng.integers(len(choices)))]
    child = vector.copy()
    child[position] = x
    return child
