"""A problem: what is searched, what is measured, and against which fixed points it is judged.

Losses inside: every objective is minimised; direction and unit are converted only where a table is read and where
the report is written. Reference and ideal points belong to the problem and are never inferred from data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidArgument, UnknownName
from .parameters import Value
from .space import Natural, Space

Losses = NDArray[np.float64]
"""Losses, minimised; last axis (m,) in the order of `Problem.objectives`."""

Vectors = NDArray[np.float64]
"""Configuration vectors (n, d), as `Space` defines them."""


class KnownFunction(Protocol):
    """An exact, cheap function of the configuration; both forms agree to the last bit."""

    def one(self, config: Mapping[str, Value]) -> float:
        """Evaluate one configuration, given as its active natural values."""
        ...

    def __call__(self, natural: Natural) -> NDArray[np.float64]:
        """Evaluate many configurations (n,), given by `Space.natural`."""
        ...


class HintFunction(Protocol):
    """Quantities that help a model to learn a problem: some for each configuration."""

    def __call__(self, natural: Natural) -> NDArray[np.float64]:
        """Evaluate many configurations (n, k), given by `Space.natural`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One thing that is measured, as a loss."""

    name: str
    unit: str
    """Unit of the loss, e.g. ``"%"``; empty for a pure number."""
    bounds: tuple[float, float]
    """Range of the loss that is possible at all, in its unit; infinities are allowed."""
    reference: float
    """Coordinate of the reference point: the loss from which on a point is worth nothing."""
    ideal: float
    """Coordinate of the ideal point: the loss that nothing goes below."""
    maximize: bool = False
    """Whether people quote the negated loss (tables and reports convert; nothing else does)."""

    def __post_init__(self) -> None:
        if not self.ideal < self.reference:
            raise InvalidArgument(
                f"objective {self.name!r}: ideal {self.ideal} must be below reference {self.reference}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A multi-objective, multi-fidelity search problem."""

    name: str
    space: Space
    metrics: tuple[Objective, ...]
    """All that is recorded and can be selected as an objective."""
    objectives: tuple[Objective, ...]
    """The selected objectives, in the order of every losses array."""
    max_epochs: int
    min_epochs: int = 1
    known: Mapping[str, KnownFunction] = field(default_factory=dict)
    """Metrics that are exact, cheap functions of the configuration, by name."""
    hints: HintFunction | None = None
    """What else is worth looking at in a configuration, for models that learn this problem; see `problems.hints`."""
    budget_seconds: float
    """Default budget of a race, in simulated seconds."""
    title: str = ""
    citation: str = ""

    @property
    def reference_point(self) -> Losses:
        """Reference point (m,) of the selected objectives."""
        return np.array([objective.reference for objective in self.objectives])

    @property
    def ideal_point(self) -> Losses:
        """Ideal point (m,) of the selected objectives."""
        return np.array([objective.ideal for objective in self.objectives])

    @property
    def objective_names(self) -> tuple[str, ...]:
        """Names of the selected objectives, in order."""
        return tuple(objective.name for objective in self.objectives)

    def with_objectives(self, names: Iterable[str]) -> Problem:
        """Select other objectives.

        Parameters
        ----------
        names
            Names of metrics of this problem, without repetition, in the order wanted.

        Raises
        ------
        UnknownName
            If the problem does not record one of them.
        InvalidArgument
            If there are none, or one is named twice.
        """
        wanted = tuple(names)
        by_name = {metric.name: metric for metric in self.metrics}
        for name in wanted:
            if name not in by_name:
                raise UnknownName.among(f"objective of {self.name!r}", name, by_name)
        if not wanted or len(set(wanted)) < len(wanted):
            raise InvalidArgument(f"objectives must be one or more different names, got {', '.join(wanted) or 'none'}")
        return replace(self, objectives=tuple(by_name[name] for name in wanted))

    def check_epochs(self, epochs: int | None) -> int:
        """Return ``epochs`` as an int (None: the maximum).

        Raises
        ------
        InvalidArgument
            If it is not a whole number in [min_epochs, max_epochs].
        """
        if epochs is None:
            return self.max_epochs
        try:
            whole = int(epochs)
        except (TypeError, ValueError, OverflowError):
            whole = -1
        if whole != epochs or not self.min_epochs <= whole <= self.max_epochs:
            raise InvalidArgument(
                f"epochs of {self.name!r} must be a whole number in [{self.min_epochs}, {self.max_epochs}], "
                f"got {epochs!r}"
            )
        return whole

    def known_losses(self, vectors: Vectors) -> Losses:
        """Evaluate the known ones among the selected objectives.

        Parameters
        ----------
        vectors : (n, d) float64

        Returns
        -------
        losses : (n, m) float64
            Exact values in the columns of known objectives, NaN in the others.
        """
        losses = np.full((len(vectors), len(self.objectives)), np.nan)
        natural = self.space.natural(vectors)
        for column, objective in enumerate(self.objectives):
            function = self.known.get(objective.name)
            if function is not None:
                losses[:, column] = function(natural)
        return losses
