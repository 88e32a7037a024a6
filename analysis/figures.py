"""The figures of the report; objectives are shown in natural units, as `display` says."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses
from ..simulator.history import CENSORED
from .curves import best_known, first_result, hypervolume_curves, time_grid
from .display import Axis, axis, configuration, duration, time_unit
from .indicators import median_attainment
from .plotting import (
    SYMBOLS,
    Figure,
    Json,
    colour,
    control,
    end_labels,
    linear_time,
    log_time,
    make_layout,
    quartile_band,
    short,
    step_line,
)
from .races import Experiment, Race
from .statistics import average_ranks, log_times


def hypervolume_over_time(experiment: Experiment, /) -> Figure:
    """Draw median and quartiles over seeds of the normalized hypervolume, over simulated time."""
    curves = hypervolume_curves(experiment)
    times = time_grid(experiment, curves)
    x = short(times / time_unit(experiment.end_seconds)[1])
    best = 100.0 * best_known(experiment)
    soon = np.searchsorted(times, 0.02 * experiment.end_seconds)  # the axis need not show how all began at zero
    lowest, ends = best, {}
    data: list[Json] = []
    for name in experiment.optimizers:
        values = 100.0 * np.array([curve.at(times) for curve in curves[name]])
        quartiles = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        data += quartile_band(experiment, name, x, quartiles, view="share")
        data += quartile_band(experiment, name, x, best - quartiles[::-1], view="gap")
        lowest, ends[name] = min(lowest, float(quartiles[0, soon])), float(quartiles[1, -1])
    top = max(best, lowest + 1.0)
    margin = 0.05 * (top - lowest)
    share: Json = {"title": {"text": "hypervolume (% of the ideal)"}, "range": [lowest - margin, top + margin]}
    gap: Json = {"title": {"text": "missing to the best known front (% of the ideal)"}, "type": "log"}
    logarithmic, linear = log_time(float(times[0]), float(times[-1])), linear_time(float(times[-1]))
    layout = make_layout(x=logarithmic, y=share, hover="x unified")
    labels = layout["annotations"] = end_labels(experiment, ends, (lowest, top))
    views: dict[str, Json] = {
        "hypervolume": {"view": "share", "yaxis": share, "annotations": labels},
        "gap to the best known": {"view": "gap", "yaxis": gap, "annotations": []},
    }
    axes: dict[str, Json] = {"logarithmic": {"xaxis": logarithmic}, "linear": {"xaxis": linear}}
    return {"data": data, "layout": layout, "controls": [control("Time axis", axes), control("Show", views)]}


def final_fronts(experiment: Experiment, /) -> Figure:
    """Draw, for each optimizer, the pooled front of its races (points) and its median attainment surface (line)."""
    vertical, horizontal = (axis(objective) for objective in experiment.problem.objectives[:2])
    data: list[Json] = []
    for name in experiment.optimizers:
        if len(experiment.problem.objectives) == 2:
            data.append(_attainment(experiment, name, horizontal, vertical))
        data.append(_points(experiment, name, horizontal, vertical))
    layout = make_layout(
        x={"title": {"text": horizontal.label}, "type": "log" if horizontal.logarithmic else "linear"},
        y={"title": {"text": vertical.label}, "type": "log" if vertical.logarithmic else "linear"},
        hover="closest",
    )
    layout["showlegend"] = True
    scales = {"linear": {"yaxis.type": "linear"}, "logarithmic": {"yaxis.type": "log"}}
    return {"data": data, "layout": layout, "controls": [control("Vertical axis", scales)]}


def _attainment(experiment: Experiment, name: str, horizontal: Axis, vertical: Axis) -> Json:
    corners = median_attainment([experiment.front(race)[0][:, ::-1] for race in experiment.of(name)])
    x, y = short(horizontal.values(corners[:, 0])), short(vertical.values(corners[:, 1]))
    line = step_line(experiment, name, x, y, hover="")
    return {**line, "hoverinfo": "skip", "showlegend": False}


def _points(experiment: Experiment, name: str, horizontal: Axis, vertical: Axis) -> Json:
    losses, vectors = experiment.pooled_front(experiment.of(name))
    order = np.argsort(losses[:, 1], kind="stable")
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": short(horizontal.values(losses[order, 1])),
        "y": short(vertical.values(losses[order, 0])),
        "text": [_hover(experiment, losses[row], vectors[row]) for row in order],
        "hovertemplate": f"<b>{escape(name)}</b><br>%{{text}}<extra></extra>",
        "marker": {
            "color": colour(experiment, name),
            "size": 8,
            "symbol": SYMBOLS[experiment.optimizers.index(name) % len(SYMBOLS)],
            "line": {"color": "--paper", "width": 1},
        },
    }


def rank_over_time(experiment: Experiment, /) -> Figure:
    """Draw each optimizer's rank by hypervolume, averaged over the seeds that all have raced."""
    curves = hypervolume_curves(experiment)
    seconds = time_unit(experiment.end_seconds)[1]
    times = log_times(first_result(experiment, curves), experiment.end_seconds, 240)
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
        step_line(experiment, name, short(times / seconds), short(ranks[row]), hover="%{y:.2f}")
        for row, name in enumerate(experiment.optimizers)
    ]
    layout = make_layout(
        x=log_time(float(times[0]), float(times[-1])),
        y={"title": {"text": "average rank (1 is best)"}, "range": [count + 0.2, 0.8], "dtick": 1},
        hover="x unified",
    )
    ends = {name: float(ranks[row, -1]) for row, name in enumerate(experiment.optimizers)}
    layout["annotations"] = end_labels(experiment, ends, (count + 0.2, 0.8))
    return {"data": data, "layout": layout, "controls": []}


def epochs_spent(experiment: Experiment, /) -> Figure:
    """Draw how many trainings of a race, on average, ran each epoch: the area under a line is all epochs trained."""
    last = experiment.problem.max_epochs
    epoch = np.arange(1, last + 1)
    ran = {
        name: np.mean([_epoch_counts(race, epoch) for race in experiment.of(name)], axis=0)
        for name in experiment.optimizers
    }
    data = [
        step_line(experiment, name, short(epoch), short(counts), hover="%{y:.3~s}", shape="hvh")
        for name, counts in ran.items()
    ]
    layout = make_layout(
        x={"title": {"text": "epoch of training"}, "range": [0.5, last + 0.5]},
        y={"title": {"text": "trainings per race that ran it"}, "rangemode": "tozero"},
        hover="x unified",
    )
    most = max(1.0, *(float(counts.max()) for counts in ran.values()))
    layout["annotations"] = end_labels(experiment, {name: float(c[-1]) for name, c in ran.items()}, (0.0, most))
    return {"data": data, "layout": layout, "controls": []}


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
    layout = make_layout(x=linear_time(race.simulated_seconds), y=workers, hover="closest")
    layout |= {"barmode": "overlay", "showlegend": len(data) > 1, "height": 190 + 46 * len(rows)}
    return {"data": data, "layout": layout, "controls": []}


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
