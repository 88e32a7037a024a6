"""Network morphisms as changes of a configuration: deepen, widen, narrow, and small steps of everything else.

A morphism proper (Chen, Goodfellow, Shlens 2016; Wei, Wang, Rui, Chen 2016) makes a network larger and keeps the
function that it computes, by its weights. A table or surrogate knows no weights: only the architecture is inherited.

A *stack* is a family of numeric parameters ``name_0, name_1, ...``, the widths of layers, the activity of whose members
hangs on one integer, their depth. It is found by these names and the conditions of the space. An operator takes the
space, a configuration (d,) and a generator; it gives a legal configuration, or None where it does not apply.
"""

from __future__ import annotations

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
    return [position for position in stack.widths if not np.isnan(vector[position])]


def deepen(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Put a layer behind a random one of a random stack, as wide as that."""
    choices = [(stack, place) for stack in stacks(space) for place in range(len(layers(vector, stack)))]
    children = [child for stack, place in choices if (child := with_layer(space, vector, stack, place)) is not None]
    return _any(children, rng)


def with_layer(space: Space, vector: Vector, stack: Stack, place: int) -> Vector | None:
    """Put a layer behind layer ``place``, as wide as that; None where the stack has no room."""
    widths = _widths(space, vector, stack)
    grown = _with_depth(space, vector, stack, 1)
    if grown is None or len(layers(grown, stack)) != len(widths) + 1:
        return None
    return with_widths(space, grown, stack, [*widths[: place + 1], *widths[place:]])


def without_layer(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Take a random layer away."""
    children = []
    for stack in stacks(space):
        widths = _widths(space, vector, stack)
        cut = _with_depth(space, vector, stack, -1)
        if cut is not None and len(layers(cut, stack)) == len(widths) - 1:
            rests = [widths[:place] + widths[place + 1 :] for place in range(len(widths))]
            children += [with_widths(space, cut, stack, rest) for rest in rests]
    return _any(children, rng)


def widen(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Make a random layer 2 or 4 times wider, as far as its range allows."""
    return _scaled(space, vector, rng, _FACTORS)


def narrow(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Take a half or a quarter of the units of a random layer away, as far as its range allows."""
    return _scaled(space, vector, rng, _KEPT)


def nudge(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Move one active parameter that belongs to no stack by a small step; None where there is none."""
    architecture = {position for stack in stacks(space) for position in (stack.depth, *stack.widths)}
    active = [i for i in np.flatnonzero(~np.isnan(vector)).tolist() if space.parameters[i].size > 1]
    movable = [i for i in active if i not in architecture]
    if not movable:
        return None
    chosen = movable[int(rng.integers(len(movable)))]
    child = np.where(np.isnan(vector), space.sample_all(rng, 1)[0], vector)
    child[chosen] = space.parameters[chosen].step(float(vector[chosen]), rng, _STEP)
    legal: Vector = space.deactivate(child[None])[0]
    return legal


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


def _with_depth(space: Space, vector: Vector, stack: Stack, more: int) -> Vector | None:
    """Change the depth by one, if it is active and its range allows; widths that become active have their defaults."""
    if np.isnan(vector[stack.depth]):
        return None
    depth = float(space.parameters[stack.depth].decode(float(vector[stack.depth])))
    child = vector.copy()
    child[stack.depth] = encode_nearest(space, stack.depth, depth + more)
    legal: Vector = space.snap(child[None])[0]
    return None if child[stack.depth] == vector[stack.depth] else legal


def _scaled(space: Space, vector: Vector, rng: np.random.Generator, factors: Sequence[float]) -> Vector | None:
    """Multiply the width of a random layer by a random one of the ``factors``."""
    factor = factors[int(rng.integers(len(factors)))]
    children = []
    for stack in stacks(space):
        widths = _widths(space, vector, stack)
        for place, width in enumerate(widths):
            child = with_widths(space, vector, stack, [*widths[:place], width * factor, *widths[place + 1 :]])
            children += [] if np.array_equal(child, vector, equal_nan=True) else [child]
    return _any(children, rng)


def _any(children: Sequence[Vector], rng: np.random.Generator) -> Vector | None:
    return children[int(rng.integers(len(children)))] if children else None
