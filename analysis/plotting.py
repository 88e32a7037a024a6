"""The building blocks of the page's figures, as plain Plotly specifications.

A `Figure` is JSON. Colours are the names of CSS variables (``"--series-1"``, with opacity ``"--series-1/0.2"``, mixed
``"--low~--high~0.3"``), which the page replaces by those of the light or the dark theme. ``report.js`` makes buttons of
``controls``; a trace, a label or a rule with ``when`` counts only while the buttons say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from .costs import Cost
from .display import duration, linear_ticks, logarithmic_ticks, time_unit
from .style import style

Json = dict[str, object]
"""A JSON object."""

When = dict[str, str]
"""Chosen option by name of control; what it is attached to counts while all of them are chosen."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "star")

SHOWN = 8
"""Optimizers that figures show before more are asked for."""

COST_NAMES: Mapping[Cost, str] = {"seconds": "simulated time", "evaluations": "trials", "trainings": "full trainings"}
"""What the buttons call each currency."""

COST_TITLES: Mapping[Cost, str] = {
    "seconds": "simulated time",
    "evaluations": "completed trials",
    "trainings": "epochs trained, in full trainings",
}
"""What an axis of each currency is called."""


class Figure(TypedDict):
    """What one ``<figure>`` draws."""

    data: list[Json]
    layout: Json
    controls: list[Json]
    """Groups of buttons: ``name``, ``label`` and ``options``, the first of which is chosen at first."""
    rules: list[Json]
    """Changes of the layout, ``set``, each ``when`` the buttons say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The optimizers of a figure, best first: how each looks, and which are shown when."""

    names: tuple[str, ...]

    @property
    def groups(self) -> list[tuple[When, tuple[str, ...]]]:
        """List the choices that a reader has, each with the optimizers that it shows."""
        if len(self.names) <= SHOWN:
            return [({}, self.names)]
        best, everybody = self._options
        return [({"methods": best}, self.names[:SHOWN]), ({"methods": everybody}, self.names)]

    @property
    def controls(self) -> list[Json]:
        """Offer that choice, if there is one."""
        return [control("methods", "Methods", self._options)] if len(self.names) > SHOWN else []

    @property
    def _options(self) -> tuple[str, str]:
        return f"best {SHOWN}", f"all {len(self.names)}"

    def when(self, name: str) -> When:
        """Say when an optimizer is shown."""
        return {} if self.names.index(name) < SHOWN else {"methods": self._options[1]}

    def colour(self, name: str) -> str:
        """Name the colour of an optimizer: the same in every figure."""
        return f"--series-{style(self.names.index(name)).colour + 1}"

    def step_line(
        self, name: str, x: list[float], y: list[float], *, hover: str, shape: str = "hv", when: When
    ) -> Json:
        """Draw a step function in the looks of an optimizer."""
        dash = DASHES[style(self.names.index(name)).dash]
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "legendgroup": name,
            "x": x,
            "y": y,
            "line": {"color": self.colour(name), "width": 2.5, "shape": shape, "dash": dash},
            "hovertemplate": hover,
            "showlegend": True,
            "when": when | self.when(name),
        }

    def band(self, name: str, x: list[float], quartiles: NDArray[np.float64], *, when: When) -> list[Json]:
        """Draw the middle half (3, t) as an area and the median as a line."""
        known = np.flatnonzero(~np.isnan(quartiles).any(axis=0))
        x = [x[at] for at in known.tolist()]
        lower, median, upper = (short(values[known]) for values in quartiles)
        edge: Json = {
            "type": "scatter",
            "mode": "lines",
            "legendgroup": name,
            "x": x,
            "line": {"width": 0, "shape": "hv"},
            "hoverinfo": "skip",
            "showlegend": False,
            "when": when | self.when(name),
        }
        return [
            {**edge, "y": lower},
            {**edge, "y": upper, "fill": "tonexty", "fillcolor": f"{self.colour(name)}/0.16"},
            self.step_line(name, x, median, hover="%{y:.2f}%", when=when),
        ]

    def marker(self, name: str) -> Json:
        """Draw points in the looks of an optimizer."""
        symbol = SYMBOLS[style(self.names.index(name)).symbol]
        return {"color": self.colour(name), "size": 8, "symbol": symbol, "line": {"color": "--paper", "width": 1}}

    def end_labels(self, ends: Mapping[str, float], *, when: When) -> list[Json]:
        """Label each line at its right end; the page moves apart those that would overlap."""
        return [
            {
                "x": 1.0,
                "xref": "paper",
                "xanchor": "left",
                "xshift": 8,
                "y": end,
                "yanchor": "middle",
                "text": escape(name),
                "showarrow": False,
                "font": {"color": self.colour(name)},
                "when": when | self.when(name),
            }
            for name, end in ends.items()
        ]


def control(name: str, label: str, options: Sequence[str]) -> Json:
    """Describe a group of buttons."""
    return {"name": name, "label": label, "options": list(options)}


def rule(when: When, changes: Json) -> Json:
    """Describe a change of the layout: whole entries, e.g. ``yaxis``, are replaced."""
    return {"when": when, "set": changes}


def cost_axes(cost: Cost, start: float, end: float) -> dict[str, Json]:
    """Describe an axis of a currency from ``start`` to ``end``, by its scale; times in the unit that suits ``end``."""
    if cost != "seconds":
        title = {"text": COST_TITLES[cost]}
        span = [float(np.log10(start)), float(np.log10(end))]
        logarithmic: Json = {"title": title, "type": "log", "range": span}
        return {"logarithmic": logarithmic, "linear": {"title": title, "type": "linear", "range": [0.0, end]}}
    seconds = time_unit(end)[1]
    span = [float(np.log10(time / seconds)) for time in (start, end)]
    return {
        "logarithmic": {"type": "log", "range": span, **_time_ticks(logarithmic_ticks(start, end), end)},
        "linear": {"type": "linear", "range": [0.0, end / seconds], **_time_ticks(linear_ticks(end), end)},
    }


def _time_ticks(times: list[float], end: float) -> Json:
    unit, seconds = time_unit(end)
    return {
        "title": {"text": COST_TITLES["seconds"]},
        "tickvals": [time / seconds for time in times],
        "ticktext": [duration(time) for time in times],
        "ticksuffix": f" {unit}",  # for the label under the pointer
    }


def make_layout(*, x: Mapping[str, object], y: Mapping[str, object], hover: str | bool) -> Json:
    """Describe the axes; ``report.js`` adds what all figures share. ``hover`` is Plotly's ``hovermode``."""
    return {"xaxis": x, "yaxis": y, "hovermode": hover, "showlegend": False}


def short(values: NDArray[np.float64] | NDArray[np.int64]) -> list[float]:
    """Round to the six digits that a screen can show, so that pages stay small."""
    return [float(f"{value:.6g}") for value in values.tolist()]
