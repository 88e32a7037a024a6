"""Every figure of the page for print: the numbers of `charts`, drawn by matplotlib, as wide as a column of a paper.

PDF and SVG are vectors, with the font's glyphs in them. The files hold no date and no chance: the same races give the
same bytes with the same version of matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problems.errors import MissingExtra
from ..problems.files import replacing
from ..simulator.history import CENSORED
from . import charts
from .costs import Cost
from .difference import Diagram, diagram
from .display import duration, linear_ticks, logarithmic_ticks
from .parallel import UNUSED, Parallel, parallel
from .plotting import COST_TITLES, SHOWN
from .races import Experiment, Race
from .style import LIGHT, style
from .summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.25
"""Inches: a column of a paper in two columns."""

WIDE = 2 * WIDTH + 0.25
"""Inches: both columns."""

FORMATS: Mapping[str, Mapping[str, None]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}
"""Formats, and what their files shall not say."""

_SETTINGS: Mapping[Any, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along, so that figures look alike everywhere
    "font.size": 7.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e0",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.bottom": False,
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "legend.handlelength": 2.6,
    "savefig.dpi": 400,
    "pdf.fonttype": 42,  # TrueType, which publishers ask for
    "svg.fonttype": "path",
    "svg.hashsalt": "bagbench",
}
_DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (9, 2)), (0, (9, 1.5, 1.2, 1.5)))
_MARKERS = "osD^PXv*"
_SOFT, _FAINT, _INK = "#5a5d66", "#c9ccd2", "#1c1d21"


def require_matplotlib() -> None:
    """Check that figures can be drawn, before somebody waits for races.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtra.for_package("matplotlib", "figures", "drawing figures for papers") from None


def write_figures(experiment: Experiment, summary: Summary, folder: Path, /) -> list[Path]:
    """Write every figure into a folder, in each of `FORMATS`, and give the paths.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with rc_context(dict(_SETTINGS)):
        for name, draw in drawings(experiment, summary).items():
            figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
            draw(figure.subplots())
            for kind, silent in FORMATS.items():
                path = folder / f"{name}.{kind}"
                with replacing(path) as temporary:
                    figure.savefig(temporary, format=kind, metadata=dict(silent))
                paths.append(path)
    return paths


def drawings(experiment: Experiment, summary: Summary) -> dict[str, Callable[[Axes], None]]:
    """List what is there to draw, by the name of its files."""
    names = charts.names_by_merit(experiment, summary)
    drawings: dict[str, Callable[[Axes], None]] = {}
    for chart in charts.all_progress(experiment, summary):
        name = "hypervolume" if chart.cost == "seconds" else f"hypervolume-{chart.cost}"
        drawings[name] = _bind(_progress, chart)
    if len(experiment.problem.objectives) > 1:
        drawings["fronts"] = _bind(_fronts, charts.fronts(experiment, names))
        across = parallel(experiment, names)
        if len(across.losses):
            drawings["parallel"] = _bind(_parallel, across)
    ranks = charts.ranks(experiment, names) if len(names) > 1 else None
    if ranks is not None:
        drawings["rank"] = _bind(_ranks, ranks)
    if summary.friedman is not None:
        drawings["difference"] = _bind(_difference, diagram(summary.friedman), names)
    drawings["epochs"] = _bind(_epochs, charts.epochs(experiment, names))
    drawings["timeline"] = _bind(_timeline, charts.median_race(experiment, summary), experiment.problem.max_epochs)
    return drawings


def _bind(draw: Callable[..., None], *numbers: object) -> Callable[[Axes], None]:
    return lambda axes: draw(axes, *numbers)


def _progress(axes: Axes, chart: charts.Progress) -> None:
    for place, (name, (lower, median, upper)) in enumerate(chart.quartiles.items()):
        if place < SHOWN:
            shade = LIGHT[style(place).colour]
            axes.fill_between(chart.x, lower, upper, step="post", color=shade, alpha=0.16, linewidth=0)
        axes.step(chart.x, median, where="post", **_line(place, name))
    axes.set_ylim(*chart.extent(tuple(chart.quartiles)[:SHOWN]))
    axes.set_ylabel("hypervolume (% of the ideal)")
    _cost_axis(axes, chart.cost, float(chart.x[0]), float(chart.x[-1]))
    _legend(axes, tuple(chart.quartiles))


def _ranks(axes: Axes, chart: charts.Lines) -> None:
    for place, (name, line) in enumerate(chart.y.items()):
        axes.step(chart.x, line, where="post", **_line(place, name))
    axes.set_ylim(len(chart.y) + 0.2, 0.8)
    axes.set_ylabel("average rank (1 is best)")
    _cost_axis(axes, "seconds", float(chart.x[0]), float(chart.x[-1]))
    _legend(axes, tuple(chart.y))


def _epochs(axes: Axes, chart: charts.Lines) -> None:
    for place, (name, line) in enumerate(chart.y.items()):
        axes.step(chart.x, line, where="mid", **_line(place, name))
    axes.set(xlabel="epoch of training", ylabel="trainings per race", ylim=(0, None))
    _legend(axes, tuple(chart.y))


def _fronts(axes: Axes, chart: charts.Fronts) -> None:
    for place, (name, front) in enumerate(chart.of.items()):
        line = _line(place, name)
        marker = _MARKERS[style(place).symbol]
        label, zorder = line.pop("label"), line["zorder"]
        axes.plot(
            front.x, front.y, marker, color=line["color"], label=label, zorder=zorder, markersize=2.6, markeredgewidth=0
        )
        axes.step(front.attained_x, front.attained_y, where="post", **line)
    for shown, scale in ((chart.horizontal, axes.set_xscale), (chart.vertical, axes.set_yscale)):
        scale("log" if shown.logarithmic else "linear")
    axes.set(xlabel=chart.horizontal.label, ylabel=chart.vertical.label)
    _legend(axes, tuple(chart.of))


def _difference(axes: Axes, chart: Diagram, names: Sequence[str]) -> None:
    figure = _figure(axes)
    figure.set_size_inches(WIDTH if chart.count <= 8 else WIDE, 0.55 + 0.14 * (chart.rows + 2))
    span = max(chart.count - 1, 1)
    left, right = 1 - 0.03 * span, chart.count + 0.03 * span
    for first, last, row in chart.bars:
        axes.plot([first - 0.01 * span, last + 0.01 * span], [row, row], color=_INK, linewidth=2.2)
    for hanger in chart.hangers:
        edge = left if hanger.left else right
        shade = LIGHT[style(names.index(hanger.optimizer)).colour]
        axes.plot([hanger.rank, hanger.rank, edge], [0, hanger.row, hanger.row], color=shade, linewidth=0.7)
        text, side = f" {hanger.optimizer}  {hanger.rank:.2f} ", "right" if hanger.left else "left"
        axes.text(edge, hanger.row, text, ha=side, va="center", fontsize=6.5, parse_math=False)
    middle, ruler = (1 + chart.count) / 2, chart.rows + 1.2
    ends = [max(middle - chart.width / 2, left), min(middle + chart.width / 2, right)]
    axes.plot(ends, [ruler, ruler], color=_SOFT, linewidth=0.8)
    axes.text(middle, ruler + 0.2, f"CD = {chart.width:.2f}", ha="center", va="top", fontsize=6.5, color=_SOFT)
    axes.set(xlim=(left, right), ylim=(ruler + 1.4, 0))
    axes.set_xticks(range(1, chart.count + 1, 1 + chart.count // 12))
    axes.xaxis.tick_top()
    axes.yaxis.set_visible(False)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)


def _parallel(axes: Axes, chart: Parallel) -> None:
    _figure(axes).set_size_inches(WIDE, 2.4)
    low, high = (np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]) for colour in LIGHT[:2])
    places = np.arange(len(chart.scales))
    for heights, shade in zip(chart.heights, chart.shades, strict=True):
        colour = tuple((low + shade * (high - low)).tolist())
        axes.plot(places, heights, color=colour, linewidth=0.7, alpha=0.7, marker=".", markersize=2)
    for place, scale in enumerate(chart.scales):
        for height, text in scale.ticks:
            label = axes.text(place + 0.04, height, text, fontsize=5.5, color=_SOFT, va="center", parse_math=False)
            label.set_bbox({"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.4})
    axes.set_xticks(places, [scale.name for scale in chart.scales], rotation=35, ha="right")
    used = not (chart.heights == UNUSED).any()
    axes.set_yticks([] if used else [UNUSED], [] if used else ["not used"])
    axes.set(xlim=(-0.1, len(places) - 0.5), ylim=(UNUSED - 0.06, 1.06))
    axes.grid(visible=False, axis="y")
    axes.grid(color=_FAINT, axis="x")
    axes.spines["left"].set_visible(False)


def _timeline(axes: Axes, race: Race, max_epochs: int) -> None:
    history = race.history
    _figure(axes).set_size_inches(WIDTH, 0.9 + 0.3 * history.workers)
    done, cut = history.status == "ok", history.status == CENSORED
    kinds = (("completed", LIGHT[0], done), ("failed", LIGHT[1], ~(done | cut)), ("cut off by the budget", _FAINT, cut))
    for label, shade, rows in kinds:
        if rows.any():
            start, length = history.started[rows], history.finished[rows] - history.started[rows]
            height, bottom = 0.86 * history.epochs[rows] / max_epochs, history.worker[rows]
            bars = axes.bar(start, height, length, bottom=bottom, align="edge", color=shade, label=label)
            for bar in bars:
                bar.set(linewidth=0.15, edgecolor="white")
    axes.set_yticks(np.arange(history.workers) + 0.43, [f"worker {row + 1}" for row in range(history.workers)])
    ticks = linear_ticks(race.simulated_seconds)[:: 1 + len(linear_ticks(race.simulated_seconds)) // 6]
    axes.set_xticks(ticks, [duration(tick) for tick in ticks])
    axes.set(xlabel="simulated time", xlim=(0, race.simulated_seconds), ylim=(0, history.workers))
    axes.grid(visible=False)
    _figure(axes).legend(loc="outside lower center", ncols=3, handlelength=1)


def _line(place: int, name: str) -> dict[str, Any]:
    """Choose the looks of an optimizer's line; those after the best are thin and grey."""
    if place >= SHOWN:
        return {"color": _FAINT, "linewidth": 0.6, "linestyle": "-", "zorder": 1.5, "label": f"_{name}"}
    looks = style(place)
    line = {"linewidth": 1.1, "linestyle": _DASHES[looks.dash], "zorder": 3 + SHOWN - place}
    return {**line, "color": LIGHT[looks.colour], "label": name}


def _legend(axes: Axes, names: Sequence[str]) -> None:
    """Name the optimizers below the figure, and count those that are grey."""
    figure, others = _figure(axes), len(names) - SHOWN
    if others > 0:
        axes.plot([], [], color=_FAINT, linewidth=0.8, label=f"{others} more")
    columns = 3 if max(map(len, names[:SHOWN])) < 14 else 2
    figure.set_size_inches(WIDTH, 2.0 + 0.13 * -(-min(len(names), SHOWN + 1) // columns))
    figure.legend(loc="outside lower center", ncols=columns)


def _cost_axis(axes: Axes, cost: Cost, start: float, end: float) -> None:
    axes.set_xscale("log")
    axes.set(xlim=(start, end), xlabel=COST_TITLES[cost])
    if cost == "seconds":
        ticks = logarithmic_ticks(start, end)
        axes.set_xticks(ticks, [duration(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
    else:
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure
