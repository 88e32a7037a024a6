"""The figures of the page, made from the numbers of `charts`; objectives are in natural units, as `display` says."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses
from ..simulator.history import CENSORED
from .charts import Fronts, Lines, Progress
from .difference import Diagram
from .display import axis, configuration, duration, time_unit
from .parallel import UNUSED, Parallel
from .plotting import COST_NAMES, Cast, Figure, Json, control, cost_axes, make_layout, rule, short
from .races import Experiment, Race


def hypervolume_over_cost(cast: Cast, charts: list[Progress], /) -> Figure:
    """Draw median and quartiles over seeds of the normalized hypervolume, over each currency."""
    data: list[Json] = []
    labels: list[Json] = []
    rules: list[Json] = []
    for chart in charts:
        over = {"over": COST_NAMES[chart.cost]}
        x = short(chart.x / (time_unit(float(chart.x[-1]))[1] if chart.cost == "seconds" else 1.0))
        share, gap = ({**over, "show": option} for option in _SHOW)
        for name, quartiles in chart.quartiles.items():
            data += cast.band(name, x, quartiles, when=share)
            data += cast.band(name, x, chart.best - quartiles[::-1], when=gap)
        labels += cast.end_labels(chart.median_ends, when=share)
        scales = cost_axes(chart.cost, float(chart.x[0]), float(chart.x[-1]))
        rules += [rule({**over, "scale": scale}, {"xaxis": shown}) for scale, shown in scales.items()]
        for chosen, names in cast.groups:
            percent = {"title": {"text": "hypervolume (% of the ideal)"}, "range": list(chart.extent(names))}
            rules.append(rule(share | chosen, {"yaxis": percent}))
        missing = {"title": {"text": "missing to the best known front (% of the ideal)"}, "type": "log"}
        rules.append(rule(gap, {"yaxis": missing}))
    layout = make_layout(x={}, y={}, hover="x unified")
    layout["annotations"] = labels
    controls = [
        control("over", "Over", [COST_NAMES[chart.cost] for chart in charts]),
        control("scale", "Scale", ("logarithmic", "linear")),
        control("show", "Show", _SHOW),
        *cast.controls,
    ]
    return {"data": data, "layout": layout, "controls": controls, "rules": rules}


_SHOW = ("hypervolume", "gap to the best known")


def final_fronts(cast: Cast, chart: Fronts, experiment: Experiment, /) -> Figure:
    """Draw, for each optimizer, the pooled front of its races (points) and its median attainment surface (line)."""
    data: list[Json] = []
    for name, front in chart.of.items():
        line = cast.step_line(name, short(front.attained_x), short(front.attained_y), hover="", when={})
        data.append({**line, "hoverinfo": "skip", "showlegend": False})
        text = [configuration_text(experiment, *pair) for pair in zip(front.losses, front.vectors, strict=True)]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "x": short(front.x),
                "y": short(front.y),
                "text": text,
                "hovertemplate": f"<b>{escape(name)}</b><br>%{{text}}<extra></extra>",
                "marker": cast.marker(name),
                "when": cast.when(name),
            }
        )
    horizontal, vertical = (
        {"title": {"text": shown.label}, "type": "log" if shown.logarithmic else "linear"}
        for shown in (chart.horizontal, chart.vertical)
    )
    layout = make_layout(x=horizontal, y=vertical, hover="closest") | {"showlegend": True}
    scales = ("linear", "logarithmic")
    rules = [
        rule({"scale": name}, {"yaxis": {**vertical, "type": kind}})
        for name, kind in zip(scales, ("linear", "log"), strict=True)
    ]
    controls = [control("scale", "Vertical axis", scales), *cast.controls]
    return {"data": data, "layout": layout, "controls": controls, "rules": rules}


def rank_over_time(cast: Cast, chart: Lines, /) -> Figure:
    """Draw each optimizer's rank by hypervolume, averaged over the seeds that all have raced."""
    start, end = float(chart.x[0]), float(chart.x[-1])
    x = short(chart.x / time_unit(end)[1])
    data = [cast.step_line(name, x, short(line), hover="%{y:.2f}", when={}) for name, line in chart.y.items()]
    rules = []
    for chosen, names in cast.groups:
        lowest = max(float(chart.y[name].max()) for name in names)
        shown = {"title": {"text": "average rank (1 is best)"}, "range": [lowest + 0.3, 0.8], "dtick": 1 + lowest // 10}
        rules.append(rule(chosen, {"yaxis": shown | {"tick0": 1}}))
    layout = make_layout(x=cost_axes("seconds", start, end)["logarithmic"], y={}, hover="x unified")
    layout["annotations"] = cast.end_labels({name: float(line[-1]) for name, line in chart.y.items()}, when={})
    return {"data": data, "layout": layout, "controls": cast.controls, "rules": rules}


def critical_difference(cast: Cast, chart: Diagram, /) -> Figure:
    """Draw average ranks on an axis and join those that cannot be told apart."""
    ink: Json = {"type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip"}
    span = max(chart.count - 1.0, 1.0)
    margin = 0.012 * span
    left, right = 1.0 - 4 * margin, chart.count + 4 * margin
    data: list[Json] = [
        {
            **ink,
            "x": [first - 0.012 * span, last + 0.012 * span],
            "y": [row, row],
            "line": {"color": "--ink", "width": 6},
        }
        for first, last, row in chart.bars
    ]
    labels: list[Json] = []
    for hanger in chart.hangers:
        shade, edge = cast.colour(hanger.optimizer), left if hanger.left else right
        line: Json = {"color": shade, "width": 1.5}
        elbow = {"x": [hanger.rank, hanger.rank, edge], "y": [0.0, hanger.row, hanger.row]}
        data.append({**ink, **elbow, "line": line})
        text = f"{escape(hanger.optimizer)} <b>{hanger.rank:.2f}</b>"
        anchor = {"xanchor": "right" if hanger.left else "left", "yanchor": "middle", "showarrow": False}
        label: Json = {"x": edge, "y": hanger.row, "text": text, "font": {"color": shade}}
        labels.append(label | anchor)
    middle, ruler = (1.0 + chart.count) / 2, chart.rows + 1.6
    ends = [max(middle - chart.width / 2, left), min(middle + chart.width / 2, right)]
    data.append({**ink, "x": ends, "y": [ruler, ruler], "line": {"color": "--faint", "width": 2}})
    labels.append(
        {"x": middle, "y": ruler, "text": f"critical difference {chart.width:.2f}", "font": {"color": "--soft"}}
        | {"xanchor": "center", "yanchor": "top", "showarrow": False}
    )
    x = {"range": [left, right], "side": "top", "dtick": 1 + chart.count // 12, "tick0": 1, "fixedrange": True}
    x |= {"showgrid": False, "showline": True, "ticks": "outside"}
    y = {"range": [ruler + 1.2, 0.0], "visible": False, "fixedrange": True}
    layout = make_layout(x=x, y=y, hover=False) | {"annotations": labels, "names": "beside"}
    layout["minwidth"] = 640
    layout["height"] = int(60 + 22 * (ruler + 1.2))
    return {"data": data, "layout": layout, "controls": [], "rules": []}


def epochs_spent(cast: Cast, chart: Lines, /) -> Figure:
    """Draw how many trainings of a race, on average, ran each epoch: the area under a line is all epochs trained."""
    x = short(chart.x)
    data = [
        cast.step_line(name, x, short(counts), hover="%{y:.3~s}", shape="hvh", when={})
        for name, counts in chart.y.items()
    ]
    rules = []
    for chosen, names in cast.groups:
        most = max(1.0, *(float(chart.y[name].max()) for name in names))
        shown = {"title": {"text": "trainings per race that ran it"}, "range": [0.0, 1.05 * most]}
        rules.append(rule(chosen, {"yaxis": shown}))
    last = float(chart.x[-1])
    layout = make_layout(
        x={"title": {"text": "epoch of training"}, "range": [0.5, last + 0.5]}, y={}, hover="x unified"
    )
    layout["annotations"] = cast.end_labels({name: float(c[-1]) for name, c in chart.y.items()}, when={})
    return {"data": data, "layout": layout, "controls": cast.controls, "rules": rules}


def parallel_coordinates(chart: Parallel, experiment: Experiment, /) -> Figure:
    """Draw each configuration of the front as a line across one axis for each objective and parameter."""
    count = len(chart.scales)
    data: list[Json] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": owner,
            "x": list(range(count)),
            "y": short(heights),
            "line": {"color": f"--low~--high~{shade:.3f}", "width": 1.6},
            "marker": {"color": f"--low~--high~{shade:.3f}", "size": 4},
            "hovertext": f"<b>{escape(owner)}</b><br>{configuration_text(experiment, losses, vector)}",
            "hoverinfo": "text",
            "showlegend": False,
        }
        for owner, heights, shade, losses, vector in zip(
            chart.owners, chart.heights, chart.shades, chart.losses, chart.vectors, strict=True
        )
    ]
    labels: list[Json] = [
        {"x": place, "y": height, "text": escape(text), "xanchor": "left", "xshift": 3, "showarrow": False}
        | {"font": {"color": "--soft", "size": 11}, "bgcolor": "--paper/0.7", "borderpad": 0}
        for place, scale in enumerate(chart.scales)
        for height, text in scale.ticks
    ]
    axes = {"tickvals": list(range(count)), "ticktext": [escape(scale.name) for scale in chart.scales]}
    x = axes | {"range": [-0.1, count - 0.4], "fixedrange": True, "tickangle": -40, "gridcolor": "--faint"}
    y = {"range": [UNUSED - 0.06, 1.06], "fixedrange": True, "showgrid": False}
    y |= {"tickvals": [UNUSED], "ticktext": ["not used"]} if (chart.heights == UNUSED).any() else {"tickvals": []}
    layout = make_layout(x=x, y=y, hover="closest") | {"annotations": labels, "names": "kept", "highlight": True}
    return {"data": data, "layout": layout | {"minwidth": 60 * count}, "controls": [], "rules": []}


def worker_timeline(experiment: Experiment, race: Race, /) -> Figure:
    """Draw each trial of a race as a bar: as wide as it took, as high as the epochs it reached, one row a worker."""
    status = race.history.status
    ok, diverged, censored = (status == word for word in ("ok", "diverged", CENSORED))
    groups = (
        ("completed", "--series-1", ok),
        ("diverged", "--series-2", diverged),
        ("failed", "--series-4", ~(ok | diverged | censored)),
        ("cut off by the budget", "--faint", censored),
    )
    data = [_bars(experiment, race, np.flatnonzero(mask), label, shade) for label, shade, mask in groups if mask.any()]
    rows = np.arange(race.history.workers)
    workers: Json = {
        "tickvals": (rows + 0.43).tolist(),
        "ticktext": [f"worker {row + 1}" for row in rows],
        "range": [0, len(rows)],
        "fixedrange": True,
        "showgrid": False,
    }
    end = race.simulated_seconds
    layout = make_layout(x=cost_axes("seconds", end, end)["linear"], y=workers, hover="closest")
    layout |= {"barmode": "overlay", "showlegend": len(data) > 1, "height": 190 + 46 * len(rows)}
    return {"data": data, "layout": layout, "controls": [], "rules": []}


def _bars(experiment: Experiment, race: Race, rows: NDArray[np.intp], label: str, shade: str) -> Json:
    history, seconds = race.history, time_unit(race.simulated_seconds)[1]
    start, length = history.started[rows], history.finished[rows] - history.started[rows]
    return {
        "type": "bar",
        "name": label,
        "x": short((start + length / 2) / seconds),
        "y": short(0.86 * history.epochs[rows] / experiment.problem.max_epochs),
        "width": short(length / seconds),
        "base": history.worker[rows].tolist(),
        "marker": {"color": f"{shade}/0.75", "line": {"color": "--paper", "width": 0.3}},
        "text": [_trial_text(experiment, race, row) for row in rows],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }


def configuration_text(experiment: Experiment, losses: Losses, vector: NDArray[np.float64]) -> str:
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
