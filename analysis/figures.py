"""The figures of the report, as plain Plotly specifications.

A `Figure` is JSON: ``data`` and ``layout`` for Plotly, and ``controls``, groups of buttons that ``report.js`` builds.
Colours are the names of CSS variables (``"--series-1"``, with opacity ``"--series-1/0.2"``), which the page replaces
by those of the light or the dark theme. Objectives are shown in natural units, as `display` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses
from ..simulator.history import CENSORED
from .display import axis, configuration, duration, time_unit
from .indicators import Anytime, anytime_hypervolume, box_volume, median_attainment, normalized_hypervolume
from .races import Experiment, Race
from .statistics import average_ranks, log_times

Json = dict[str, object]
"""A JSON object."""

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
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


def hypervolume_over_time(experiment: Experiment, /) -> Figure:
    """Draw median and quartiles over seeds of the normalized hypervolume, over simulated time."""
    curves = _curves(experiment)
    unit, seconds = time_unit(experiment.end_seconds)
    times = _time_grid(experiment, curves)
    best = _best_known(experiment)
    data: list[Json] = []
    ends: dict[str, float] = {}
    lowest = 100.0
    for name in experiment.optimizers:
        values = 100.0 * np.array([curve.at(times) for curve in curves[name]])
        lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        lowest = min(lowest, float(lower[np.searchsorted(times, 0.02 * experiment.end_seconds)]))
        ends[name] = float(median[-1])
        x = _short(times / seconds)
        data += _band(experiment, name, x, lower, median, upper, view="share")
        data += _band(experiment, name, x, *(100.0 * best - edge for edge in (upper, median, lower)), view="gap")
    top = max(float(100.0 * best), *ends.values())
    layout = _layout(
        x={"title": {"text": f"simulated time ({unit})"}, "type": "log"},
        y={
            "title": {"text": "hypervolume (% of the ideal)"},
            "range": [lowest - 0.03 * (top - lowest), top + 0.05 * (top - lowest)],
        },
    )
    layout["hovermode"] = "x unified"
    layout["annotations"] = _end_labels(experiment, ends, (lowest, top))
    gap = {"title": {"text": "missing to the best known front (% of the ideal)"}, "type": "log", "autorange": True}
    share = {**layout["yaxis"], "type": "linear", "autorange": False}  # type: ignore[dict-item]
    controls: list[Json] = [
        _control("Time axis", {"logarithmic": {"xaxis.type": "log"}, "linear": {"xaxis.type": "linear"}}),
        _control(
            "Show",
            {
                "hypervolume": {"view": "share", "yaxis": share, "annotations": layout["annotations"]},
                "gap to the best known": {"view": "gap", "yaxis": gap, "annotations": []},
            },
        ),
    ]
    return {"data": data, "layout": layout, "controls": controls}


def final_fronts(experiment: Experiment, /) -> Figure:
    """Draw, for each optimizer, the pooled front of its races (points) and its median attainment surface (line)."""
    second, first = (axis(objective) for objective in experiment.problem.objectives[:2])
    data: list[Json] = []
    for number, name in enumerate(experiment.optimizers):
        races = experiment.of(name)
        losses, vectors = experiment.pooled_front(races)
        order = np.lexsort((losses[:, 0], losses[:, 1]))
        shade = colour(experiment, name)
        if len(experiment.problem.objectives) == 2:
            corners = median_attainment([experiment.front(race)[0][:, ::-1] for race in races])
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": f"{name}, median race",
                    "x": _short(first.values(corners[:, 0])),
                    "y": _short(second.values(corners[:, 1])),
                    "line": {"color": shade, "width": 2, "shape": "hv", "dash": _DASHES[number % len(_DASHES)]},
                    "hoverinfo": "skip",
                    "showlegend": False,
                }
            )
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": _short(first.values(losses[order, 1])),
                "y": _short(second.values(losses[order, 0])),
                "text": [_hover(experiment, losses[row], vectors[row]) for row in order],
                "hovertemplate": f"<b>{escape(name)}</b><br>%{{text}}<extra></extra>",
                "marker": {
                    "color": shade,
                    "size": 8,
                    "symbol": _SYMBOLS[number % len(_SYMBOLS)],
                    "line": {"color": "--paper", "width": 1},
                },
            }
        )
    layout = _layout(
        x={"title": {"text": first.label}, "type": "log" if first.logarithmic else "linear"},
        y={"title": {"text": second.label}, "type": "log" if second.logarithmic else "linear"},
    )
    layout["hovermode"] = "closest"
    layout["showlegend"] = True
    scales = {"linear": {"yaxis.type": "linear"}, "logarithmic": {"yaxis.type": "log"}}
    return {"data": data, "layout": layout, "controls": [_control("Vertical axis", scales)]}


def rank_over_time(experiment: Experiment, /) -> Figure:
    """Draw each optimizer's rank by hypervolume, averaged over the seeds that all have raced."""
    curves = _curves(experiment)
    unit, seconds = time_unit(experiment.end_seconds)
    times = log_times(_first_result(experiment, curves), experiment.end_seconds, 240)
    common = set.intersection(*({race.seed for race in experiment.of(name)} for name in experiment.optimizers))
    values = np.array(
        [
            [c.at(times) for c, race in zip(curves[name], experiment.of(name), strict=True) if race.seed in common]
            for name in experiment.optimizers
        ]
    )
    ranks = average_ranks(values)
    count = len(experiment.optimizers)
    data: list[Json] = [
        _line(experiment, name, _short(times / seconds), _short(ranks[row]), "%{y:.2f}")
        for row, name in enumerate(experiment.optimizers)
    ]
    layout = _layout(
        x={"title": {"text": f"simulated time ({unit})"}, "type": "log"},
        y={"title": {"text": "average rank (1 is best)"}, "range": [count + 0.2, 0.8], "dtick": 1},
    )
    layout["hovermode"] = "x unified"
    ends = {name: float(ranks[row, -1]) for row, name in enumerate(experiment.optimizers)}
    layout["annotations"] = _end_labels(experiment, ends, (count + 0.2, 0.8))
    return {"data": data, "layout": layout, "controls": []}


def epochs_spent(experiment: Experiment, /) -> Figure:
    """Draw how many trainings of a race, on average, ran each epoch: the area under a line is all epochs trained."""
    last = experiment.problem.max_epochs
    epoch = np.arange(1, last + 1)
    data: list[Json] = []
    ends: dict[str, float] = {}
    for name in experiment.optimizers:
        races = experiment.of(name)
        ran = np.mean([_epoch_counts(race, epoch) for race in races], axis=0)
        data.append(_line(experiment, name, _short(epoch), _short(ran), "%{y:.3~s}", shape="hvh"))
        ends[name] = float(ran[-1])
    layout = _layout(
        x={"title": {"text": "epoch of training"}, "range": [0.5, last + 0.5]},
        y={"title": {"text": "trainings per race that ran it"}, "rangemode": "tozero"},
    )
    layout["hovermode"] = "x unified"
    layout["annotations"] = _end_labels(experiment, ends, (0.0, max(max(d["y"]) for d in data)))  # type: ignore[call-overload]
    return {"data": data, "layout": layout, "controls": []}


def worker_timeline(experiment: Experiment, race: Race, /) -> Figure:
    """Draw each trial of a race as a bar: as wide as it took, as high as the epochs it reached, one row a worker."""
    history, problem = race.history, experiment.problem
    unit, seconds = time_unit(race.simulated_seconds)
    data: list[Json] = []
    ok, diverged, censored = (history.status == word for word in ("ok", "diverged", CENSORED))
    groups = (
        ("completed", "--series-1", ok),
        ("diverged", "--series-2", diverged),
        ("failed", "--series-4", ~(ok | diverged | censored)),
        ("cut off by the budget", "--faint", censored),
    )
    for label, shade, mask in groups:
        rows = np.flatnonzero(mask)
        if not len(rows):
            continue
        start, length = history.started[rows], history.finished[rows] - history.started[rows]
        data.append(
            {
                "type": "bar",
                "name": label,
                "x": _short((start + length / 2) / seconds),
                "y": _short(0.86 * history.epochs[rows] / problem.max_epochs),
                "width": _short(length / seconds),
                "base": history.worker[rows].tolist(),
                "marker": {"color": f"{shade}/0.75", "line": {"color": "--paper", "width": 0.6}},
                "text": [_trial_text(experiment, race, row) for row in rows],
                "textposition": "none",
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    workers = int(history.worker.max(initial=0)) + 1
    layout = _layout(
        x={"title": {"text": f"simulated time ({unit})"}, "range": [0, race.simulated_seconds / seconds]},
        y={
            "tickvals": (np.arange(workers) + 0.43).tolist(),
            "ticktext": [f"worker {worker + 1}" for worker in range(workers)],
            "range": [0, workers],
            "fixedrange": True,
            "showgrid": False,
        },
    )
    layout |= {"hovermode": "closest", "barmode": "overlay", "showlegend": len(data) > 1}
    layout["height"] = 190 + 46 * workers
    return {"data": data, "layout": layout, "controls": []}


def _curves(experiment: Experiment) -> dict[str, list[Anytime]]:
    """Follow the normalized hypervolume of every race."""
    problem = experiment.problem
    box = box_volume(problem.reference_point, problem.ideal_point)
    return {
        name: [
            _scaled(
                anytime_hypervolume(
                    race.history, problem.reference_point, max_epochs=problem.max_epochs, policy=experiment.policy
                ),
                1.0 / box,
            )
            for race in experiment.of(name)
        ]
        for name in experiment.optimizers
    }


def _scaled(curve: Anytime, factor: float) -> Anytime:
    return Anytime(seconds=curve.seconds, values=factor * curve.values)


def _best_known(experiment: Experiment) -> float:
    """Give the normalized hypervolume of the pooled front of all races."""
    problem = experiment.problem
    losses, _ = experiment.pooled_front(experiment.races)
    return normalized_hypervolume(losses, problem.reference_point, problem.ideal_point)


def _first_result(experiment: Experiment, curves: dict[str, list[Anytime]]) -> float:
    """Find when the first trial of any race counted; a thousandth of the whole if none ever did, or at once."""
    end = experiment.end_seconds
    firsts = [float(curve.seconds[0]) for group in curves.values() for curve in group if len(curve.seconds)]
    return max(min(firsts, default=0.0), end / 1000)


def _time_grid(experiment: Experiment, curves: dict[str, list[Anytime]]) -> NDArray[np.float64]:
    """Choose times that look smooth on a logarithmic and on a linear axis."""
    end = experiment.end_seconds
    start = _first_result(experiment, curves)
    return np.union1d(log_times(start, end, 160), np.linspace(start, end, 160))


def _epoch_counts(race: Race, epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, for each epoch (E,), the completed trials that ran it."""
    history = race.history
    done = history.scored
    begin, end = history.resume_from[done], history.epochs[done]
    counts: NDArray[np.int64] = ((begin[:, None] < epoch) & (epoch <= end[:, None])).sum(axis=0)
    return counts


def _hover(experiment: Experiment, losses: Losses, vector: NDArray[np.float64]) -> str:
    """Write a configuration and what it scores, for the label under the pointer."""
    problem = experiment.problem
    scores = [
        f"{axis(objective).label.split(' (')[0]} <b>{axis(objective).text(float(loss))}</b>"
        for objective, loss in zip(problem.objectives, losses, strict=True)
    ]
    return "<br>".join(scores + [escape(line) for line in configuration(problem.space.decode(vector))])


def _trial_text(experiment: Experiment, race: Race, row: np.intp) -> str:
    history = race.history
    resumed = f" (from {history.resume_from[row]})" if history.resume_from[row] else ""
    text = f"trial {row + 1}: {history.epochs[row]} epochs{resumed}, "
    text += duration(float(history.finished[row] - history.started[row]))
    if history.scored[row]:
        first = axis(experiment.problem.objectives[0])
        text += f"<br>{first.label.split(' (')[0]} {first.text(float(history.losses[row, 0]))}"
    return text if history.status[row] == "ok" else f"{text}<br>{history.status[row]}"


def _band(
    experiment: Experiment,
    name: str,
    x: list[float],
    lower: NDArray[np.float64],
    median: NDArray[np.float64],
    upper: NDArray[np.float64],
    *,
    view: str,
) -> list[Json]:
    """Draw quartiles as an area and the median as a line."""
    shared: Json = {"meta": {"view": view}, "visible": view == "share"}
    edge: Json = {"type": "scatter", "mode": "lines", "x": x, "hoverinfo": "skip", "showlegend": False, **shared}
    line = {"width": 0, "shape": "hv"}
    return [
        {**edge, "y": _short(lower), "line": line},
        {
            **edge,
            "y": _short(upper),
            "line": line,
            "fill": "tonexty",
            "fillcolor": f"{colour(experiment, name)}/0.16",
        },
        {**_line(experiment, name, x, _short(median), "%{y:.2f} %"), **shared},
    ]


def _line(
    experiment: Experiment, name: str, x: list[float], y: list[float], hover: str, *, shape: str = "hv"
) -> Json:
    dash = _DASHES[experiment.optimizers.index(name) % len(_DASHES)]
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


def _end_labels(experiment: Experiment, ends: dict[str, float], extent: tuple[float, float]) -> list[Json]:
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


def _control(label: str, options: Mapping[str, Mapping[str, object]]) -> Json:
    """Describe a group of buttons; each option is a change of the layout, or of the ``view`` whose traces show."""
    return {"label": label, "options": [{"label": name, "change": change} for name, change in options.items()]}


def _layout(*, x: Json, y: Json) -> Json:
    return {"xaxis": x, "yaxis": y, "showlegend": False}


def _short(values: NDArray[np.number]) -> list[float]:
    """Round to the six digits that a screen can show, so that pages stay small."""
    return [float(f"{value:.6g}") for value in values.tolist()]
