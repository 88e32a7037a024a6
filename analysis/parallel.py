"""The configurations of a front as lines across parallel axes, one axis for each objective and parameter.

Conditional parameters that a configuration does not have are drawn below the axis, at `UNUSED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.parameters import Choice, Number, Parameter
from ..problems.problem import Losses, Vectors
from .display import axis, parameter_value
from .races import Experiment

Floats = NDArray[np.float64]

UNUSED = -0.16
"""Height of what a configuration does not have; the axes go from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One axis."""

    name: str
    ticks: tuple[tuple[float, str], ...]
    """Heights in [0, 1] and what they mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Lines across parallel axes."""

    scales: tuple[Scale, ...]
    heights: Floats
    """(n, axes), in [0, 1] or `UNUSED`; one row a configuration."""
    shades: Floats
    """(n,) place of the configuration by the first objective, evenly from 0 (best) to 1."""
    owners: tuple[str, ...]
    """Who found it."""
    losses: Losses
    """(n, m)."""
    vectors: Vectors
    """(n, d)."""


def parallel(experiment: Experiment, names: Sequence[str], /) -> Parallel:
    """Lay out the front of all races together, ordered by the first objective.

    A configuration that several optimizers found belongs to the first of ``names``.
    """
    front, _ = experiment.pooled_front(experiment.races)
    wanted = {tuple(row) for row in front.tolist()}
    found: dict[tuple[float, ...], tuple[str, NDArray[np.float64]]] = {}
    for name in names:
        losses, vectors = experiment.pooled_front(experiment.of(name))
        for row, vector in zip(map(tuple, losses.tolist()), vectors, strict=True):
            if row in wanted:
                found.setdefault(row, (name, vector))
    rows = sorted(found)
    losses = np.array(rows).reshape(-1, len(experiment.problem.objectives))
    vectors = np.array([found[row][1] for row in rows]).reshape(-1, len(experiment.problem.space))
    parameters = [p for p in experiment.problem.space.parameters if p.size > 1]
    columns = [_share(losses[:, number]) for number in range(losses.shape[1])]
    columns += [_heights(p, vectors[:, experiment.problem.space.index[p.name]]) for p in parameters]
    scales = [_objective(experiment, number, losses[:, number]) for number in range(losses.shape[1])]
    scales += [Scale(name=p.name.replace("_", " "), ticks=_ticks(p)) for p in parameters]
    return Parallel(
        scales=tuple(scales),
        heights=np.stack(columns, axis=1),
        shades=np.linspace(0.0, 1.0, len(rows)),
        owners=tuple(found[row][0] for row in rows),
        losses=losses,
        vectors=vectors,
    )


def _objective(experiment: Experiment, number: int, losses: Floats) -> Scale:
    shown = axis(experiment.problem.objectives[number])
    ends = (float(losses.min()), float(losses.max())) if len(losses) else ()
    ticks = tuple((float(height), shown.brief(loss)) for height, loss in enumerate(ends))
    return Scale(name=shown.label.split(" (")[0], ticks=ticks)


def _share(losses: Floats) -> Floats:
    if not len(losses):
        return losses
    low, high = losses.min(), losses.max()
    return (losses - low) / (high - low) if high > low else np.full(len(losses), 0.5)


def _heights(parameter: Parameter, x: Floats) -> Floats:
    top = parameter.size - 1 if isinstance(parameter, Choice) else 1.0
    return np.where(np.isnan(x), UNUSED, x / top)


def _ticks(parameter: Parameter) -> tuple[tuple[float, str], ...]:
    if isinstance(parameter, Choice):
        last = len(parameter.choices) - 1
        return tuple((place / last, parameter_value(choice)) for place, choice in enumerate(parameter.choices))
    assert isinstance(parameter, Number)
    return (0.0, parameter_value(parameter.decode(0.0))), (1.0, parameter_value(parameter.decode(1.0)))
