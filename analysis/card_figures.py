"""The figures of a surrogate's quality card; a card of an older surrogate has fewer of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from .display import time_unit
from .plotting import Figure, Json, control, cost_axes, make_layout, rule, short

_SCORES = (("r2", "R²", "--series-1"), ("kendall_tau", "Kendall’s tau", "--series-2"))
_SERIES = 8  # colours that the page has


def quality_figure(card: Mapping[str, Any], /) -> Figure | None:
    """Draw calibration, score by epoch and learning curve, one at a time; None if the card has none of them."""
    views = {
        "probability of collapse": _reliability(card),
        "score by epoch": _by_epoch(card),
        "learning curve": _learning_curve(card),
    }
    there = {name: view for name, view in views.items() if view is not None}
    if not there:
        return None
    data: list[Json] = []
    rules: list[Json] = []
    for name, (traces, axes) in there.items():
        data += [{**trace, "when": {"show": name}} for trace in traces]
        rules.append(rule({"show": name}, axes))
    layout = make_layout(x={}, y={}, hover="closest") | {"showlegend": True}
    return {"data": data, "layout": layout, "controls": [control("show", "Show", list(there))], "rules": rules}


def trajectories_figure(card: Mapping[str, Any], /) -> Figure | None:
    """Draw hypervolume over time of races on the true trainer beside that of simulated ones, if the card has them."""
    curves: Mapping[str, Any] = card.get("true_races", {}).get("trajectories", {}).get("curves", {})
    if not curves:
        return None
    data: list[Json] = []
    for number, (name, curve) in enumerate(curves.items()):
        colour, times = f"--series-{number % _SERIES + 1}", np.array(curve["seconds"])
        shared: Json = {"x": short(times), "legendgroup": name}
        edge = {**_line("", colour), **shared, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        data += [
            {**edge, "y": short(np.array(curve["low"]))},
            {**edge, "y": short(np.array(curve["high"])), "fill": "tonexty", "fillcolor": f"{colour}/0.12"},
            {**_line(f"{name}, simulated", colour, dash="dash"), **shared, "y": short(np.array(curve["simulated"]))},
            {**_line(f"{name}, true", colour), **shared, "y": short(np.array(curve["true"]))},
        ]
    seconds = next(iter(curves.values()))["seconds"]
    unit = _in_units(data, seconds)
    y: Json = {"title": {"text": "hypervolume"}}
    layout = make_layout(x=unit, y=y, hover="closest") | {"showlegend": True}
    return {"data": data, "layout": layout, "controls": [], "rules": []}


def _in_units(data: Sequence[Json], seconds: Sequence[float]) -> Json:
    """Bring the x of all traces into the unit that suits the last of ``seconds``, and give the axis."""
    scale = time_unit(seconds[-1])[1]
    for trace in data:
        trace["x"] = short(np.array(trace["x"]) / scale)
    return cost_axes("seconds", seconds[0], seconds[-1])["logarithmic"]


_View = tuple[list[Json], Json]


def _reliability(card: Mapping[str, Any]) -> _View | None:
    """Draw the share of runs that collapsed over the predicted probability."""
    if "calibration" not in card:
        return None
    rows = card["calibration"]["collapse"]["table"]
    runs = np.array([row["runs"] for row in rows], dtype=float)
    points: Json = {
        "type": "scatter",
        "mode": "markers",
        "name": "runs, by tenths of probability",
        "x": short(np.array([row["predicted"] for row in rows])),
        "y": short(np.array([row["share"] for row in rows])),
        "text": [f"{row['runs']:,} runs" for row in rows],
        "hovertemplate": "predicted %{x:.0%}, collapsed %{y:.0%}<br>%{text}<extra></extra>",
        "marker": {"color": "--series-1", "size": short(8 + 22 * np.sqrt(runs / runs.max()))},
    }
    diagonal = {**_line("perfect", "--soft", dash="dot"), "x": [0, 1], "y": [0, 1], "hoverinfo": "skip"}
    x = {"title": {"text": "predicted probability of collapse"}, "range": [-0.05, 1.05], "tickformat": ".0%"}
    y = {"title": {"text": "share that collapsed"}, "range": [-0.05, 1.05], "tickformat": ".0%"}
    return [diagonal, points], {"xaxis": x, "yaxis": y}


def _by_epoch(card: Mapping[str, Any]) -> _View | None:
    """Draw the scores of the first metric that has them over the epochs."""
    found = [(name, scores) for name, scores in card.get("metrics", {}).items() if "by_epoch" in scores]
    chosen = [entry for entry in found if entry[0] == card.get("regions", {}).get("metric")] or found
    if not chosen:
        return None
    metric, scores = chosen[0]
    columns = scores["by_epoch"]
    traces = [
        {**_line(label, colour), "x": columns["epoch"], "y": _numbers(columns[key]), "mode": "lines+markers"}
        for key, label, colour in _SCORES
    ]
    x: Json = {"title": {"text": "epoch"}}
    return traces, {"xaxis": x, "yaxis": {"title": {"text": f"score, {escape(metric)}"}}}


def _learning_curve(card: Mapping[str, Any]) -> _View | None:
    """Draw the scores over the number of runs learnt from, what doubling them would bring, and the ceiling."""
    if not card.get("learning_curve"):
        return None
    evidence = card["learning_curve"]
    runs, metric = evidence["curve"]["runs"], evidence["metric"]
    ceiling = card["metrics"][metric]["ceiling"]
    traces: list[Json] = []
    for key, label, colour in _SCORES:
        reached = evidence["curve"][key]
        traces.append({**_line(label, colour), "x": runs, "y": _numbers(reached), "mode": "lines+markers"})
        gain = evidence["doubling"][key]
        if gain is not None:
            ahead: Json = {"x": [runs[-1], 2 * runs[-1]], "y": _numbers([reached[-1], reached[-1] + gain])}
            traces.append({**_line(f"{label}, extrapolated", colour, dash="dot"), **ahead, "mode": "lines+markers"})
        if ceiling.get(key) is not None:
            level: Json = {"x": [runs[0], 2 * runs[-1]], "y": _numbers([ceiling[key]] * 2)}
            traces.append({**_line(f"{label}, noise ceiling", colour, dash="dash"), **level})
    shown = [*runs, 2 * runs[-1]]
    ticks: Json = {"tickvals": shown, "ticktext": [f"{count:,}" for count in shown]}
    x: Json = {"title": {"text": "runs learnt from"}, "type": "log", **ticks}
    return traces, {"xaxis": x, "yaxis": {"title": {"text": f"score, {escape(metric)}"}}}


def _line(name: str, colour: str, *, dash: str = "solid") -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(name),
        "line": {"color": colour, "width": 2.5, "dash": dash},
        "hovertemplate": f"<b>{escape(name)}</b> %{{y:.4g}}<extra></extra>",
        "showlegend": True,
    }


def _numbers(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else float(f"{value:.6g}") for value in values]
