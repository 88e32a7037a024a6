"""The building blocks of figures, as plain Plotly specifications.

A `Figure` is JSON: ``data`` and ``layout`` for Plotly, and ``controls``, groups of buttons that ``report.js`` builds.
Colours are the names of CSS variables (``"--series-1"``, with opacity ``"--series-1/0.2"``), which the page replaces
by those of the light or the dark theme.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from .display import duration, linear_ticks, logarithmic_ticks, time_unit
from .races import Experiment

Json = dict[str, object]
"""A JSON object."""

Quartiles = NDArray[np.float64]
"""Lower quartile, median and upper quartile over seeds, (3, t)."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
SERIES_COLOURS = 6
"""Colours in ``report.css``; after that many optimizers, colours repeat with another dash and symbol."""


class Figure(TypedDict):
    """What one ``<figure>`` draws."""

    data: list[Json]
    layout: Json
    controls: list[Json]


def colour(experiment: Experiment, optimizer: str) -> str:
    """Name the colour of an optimizer: the same in every figure."""
    return f"--series-{experiment.optimizers.index(optimizer) % SERIES_COLOURS + 1}"


def step_line(
    experiment: Experiment, name: str, x: list[float], y: list[float], *, hover: str, shape: str = "hv"
) -> Json:
    """Draw a step function in the colour and dash of an optimizer."""
    dash = DASHES[experiment.optimizers.index(name) % len(DASHES)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": colour(experiment, name), "width": 2.5, "shape": shape, "dash": dash},
        "hovertemplate": hover,
        "showlegend": True,
    }


def quartile_band(experiment: Experiment, name: str, x: list[float], quartiles: Quartiles, *, view: str) -> list[Json]:
    """Draw the middle half as an area and the median as a line, all shown in ``view`` only."""
    edge: Json = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "line": {"width": 0, "shape": "hv"},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    lower, median, upper = (short(values) for values in quartiles)
    traces = [
        {**edge, "y": lower},
        {**edge, "y": upper, "fill": "tonexty", "fillcolor": f"{colour(experiment, name)}/0.16"},
        step_line(experiment, name, x, median, hover="%{y:.2f}%"),
    ]
    return [{**trace, "meta": {"view": view}, "visible": view == "share"} for trace in traces]


def end_labels(experiment: Experiment, ends: dict[str, float], extent: tuple[float, float]) -> list[Json]:
    """Label each line at its right end, moved apart where they would overlap."""
    gap = 0.06 * (extent[1] - extent[0])
    order = sorted(ends, key=lambda name: ends[name] / gap)
    place: list[float] = []
    for name in order:
        place.append(max(ends[name] / gap, place[-1] + 1) if place else ends[name] / gap)
    surplus = sum(at - ends[name] / gap for at, name in zip(place, order, strict=True)) / len(order)
    return [
        {
            "x": 1.0,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 8,
            "y": (at - surplus) * gap,
            "yanchor": "middle",
            "text": escape(name),
            "showarrow": False,
            "font": {"color": colour(experiment, name)},
        }
        for at, name in zip(place, order, strict=True)
    ]


def control(label: str, options: Mapping[str, Mapping[str, object]]) -> Json:
    """Describe a group of buttons; each option is a change of the layout, or of the ``view`` whose traces show."""
    return {"label": label, "options": [{"label": name, "change": change} for name, change in options.items()]}


def log_time(start: float, end: float) -> Json:
    """Describe a logarithmic time axis, in the unit that suits ``end``."""
    unit, seconds = time_unit(end)
    span = [float(np.log10(time / seconds)) for time in (start, end)]
    return {"type": "log", "range": span, **_time_ticks(logarithmic_ticks(start, end), unit, seconds)}


def linear_time(end: float) -> Json:
    """Describe a linear time axis, in the unit that suits ``end``."""
    unit, seconds = time_unit(end)
    return {"type": "linear", "range": [0.0, end / seconds], **_time_ticks(linear_ticks(end), unit, seconds)}


def _time_ticks(times: list[float], unit: str, seconds: float) -> Json:
    return {
        "title": {"text": "simulated time"},
        "tickvals": [time / seconds for time in times],
        "ticktext": [duration(time) for time in times],
        "ticksuffix": f" {unit}",  # for the label under the pointer
    }


def make_layout(*, x: Json, y: Json, hover: str) -> Json:
    """Describe the axes; ``report.js`` adds what all figures share. ``hover`` is Plotly's ``hovermode``."""
    return {"xaxis": x, "yaxis": y, "hovermode": hover, "showlegend": False}


def short(values: NDArray[np.float64] | NDArray[np.int64]) -> list[float]:
    """Round to the six digits that a screen can show, so that pages stay small."""
    return [float(f"{value:.6g}") for value in values.tolist()]
