"""A still picture of an experiment: progress over simulated time beside the fronts, as one SVG.

The report's figures are interactive; this one can stand in a README or a slide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from .curves import best_known, hypervolume_curves, time_grid
from .display import duration
from .indicators import median_attainment
from .races import Experiment
from .style import LIGHT

Floats = NDArray[np.float64]

COLOURS = LIGHT
"""Those of the report on white paper; they repeat after eight optimizers."""

_WIDTH, _HEIGHT = 960, 400
_TOP, _BOTTOM = 64, 340
_INK, _SOFT, _RULE = "#1c1d21", "#5a5d66", "#dfdfd9"
_STYLE = "font-family:system-ui,-apple-system,'Segoe UI','Liberation Sans',Arial,sans-serif;font-size:13px"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """A rectangle of the picture, and the ranges of the values that it shows."""

    left: float
    right: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, values: Floats) -> Floats:
        """Map values of x to pixels."""
        return self.left + (values - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def up(self, values: Floats) -> Floats:
        """Map values of y to pixels; what is above or below the panel stays at its edge."""
        share = np.clip((values - self.y[0]) / (self.y[1] - self.y[0]), 0.0, 1.0)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    def path(self, x: Floats, y: Floats) -> str:
        """Write points as the ``d`` of a path."""
        points = zip(self.across(x).tolist(), self.up(y).tolist(), strict=True)
        return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)

    def axes(
        self, title: str, label: str, xs: Sequence[float], ys: Sequence[float], text: Callable[[float], str]
    ) -> list[str]:
        """Draw title, grid and tick labels; ``text`` writes a value of x."""
        parts = [_text(self.left, _TOP - 18, title, weight=600), _text(self.right, _BOTTOM + 40, label, anchor="end")]
        for y, pixel in zip(ys, self.up(np.array(ys, dtype=float)).tolist(), strict=True):
            parts.append(f'<path d="M{self.left} {pixel:.1f}H{self.right}" stroke="{_RULE}"/>')
            parts.append(_text(self.left - 8, pixel + 4, f"{y:g}%", anchor="end"))
        for x, pixel in zip(xs, self.across(np.array(xs, dtype=float)).tolist(), strict=True):
            parts.append(_text(pixel, _BOTTOM + 20, text(x), anchor="middle"))
        return parts


def draw(experiment: Experiment, /) -> str:
    """Draw hypervolume over simulated time (median and middle half of the races), and what half of the races attain.

    The second panel shows the first two objectives, which have to be an error in percent and ``log10_params``.
    """
    parts = [*_legend(experiment), *_progress(experiment), *_fronts(experiment)]
    name = escape(f"Races on {experiment.problem.name}: {', '.join(experiment.optimizers)}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" style="{_STYLE}">\n'
        f'<title>{name}</title>\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _legend(experiment: Experiment) -> list[str]:
    parts, x = [], 60.0
    for number, name in enumerate(experiment.optimizers):
        parts.append(f'<path d="M{x} 16h22" stroke="{_colour(number)}" stroke-width="3"/>')
        parts.append(_text(x + 28, 21, name, colour=_INK))
        x += 60 + 7.2 * len(name)
    return parts


def _progress(experiment: Experiment) -> list[str]:
    curves = hypervolume_curves(experiment)
    times = time_grid(experiment, curves)
    end, best = experiment.end_seconds, 100.0 * best_known(experiment)
    quartiles = {
        name: 100.0 * np.quantile([curve.at(times) for curve in group], [0.25, 0.5, 0.75], axis=0)
        for name, group in curves.items()
    }
    soon = int(np.searchsorted(times, 0.02 * end))  # the axis need not show how all began at zero
    lowest = min(float(values[0, soon]) for values in quartiles.values())
    step = next(step for step in (1.0, 2.0, 5.0, 10.0, 20.0) if best - lowest <= 5 * step)
    low, high = step * np.floor(lowest / step), step * np.ceil(best / step)
    panel = _Panel(left=60, right=470, x=(0.0, end), y=(low, high))
    ticks = np.arange(low, high + step / 2, step).tolist()
    title = "Hypervolume, % of the ideal"
    parts = panel.axes(title, "simulated training time", [0.25 * end * k for k in range(1, 5)], ticks, duration)
    for number, (lower, median, upper) in enumerate(quartiles.values()):
        band = panel.path(np.concatenate([times, times[::-1]]), np.concatenate([lower, upper[::-1]]))
        parts.append(f'<path d="{band}Z" fill="{_colour(number)}" opacity="0.16"/>')
        parts.append(_line(panel.path(times, median), number))
    return parts


def _fronts(experiment: Experiment) -> list[str]:
    fronts = {name: [experiment.front(race)[0] for race in experiment.of(name)] for name in experiment.optimizers}
    points = np.concatenate([front for group in fronts.values() for front in group])
    first, last = np.floor(points[:, 1].min()), points[:, 1].max()
    panel = _Panel(left=540, right=940, x=(first, last), y=(0.0, 100.0))
    powers = np.arange(first, last).tolist()
    parts = panel.axes("Validation error", "number of parameters", powers, [0, 25, 50, 75, 100], _power)
    for number, group in enumerate(fronts.values()):
        dots = zip(panel.across(np.concatenate(group)[:, 1]), panel.up(np.concatenate(group)[:, 0]), strict=True)
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{_colour(number)}" opacity="0.3"/>' for x, y in dots]
        corners = median_attainment(group)
        if len(corners):
            y, x = np.repeat(corners[:, 0], 2), np.repeat(corners[:, 1], 2)
            parts.append(_line(panel.path(np.append(last, x[:-1]), y), number))
    return parts


def _power(exponent: float) -> str:
    value = 10**exponent
    return f"{value:g}" if value < 1e3 else f"{value / 1e3:g}k" if value < 1e6 else f"{value / 1e6:g}M"


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _line(path: str, number: int) -> str:
    return f'<path d="{path}" fill="none" stroke="{_colour(number)}" stroke-width="2.5" stroke-linejoin="round"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: int = 400, colour: str = _SOFT) -> str:
    shade = _INK if weight > 400 else colour
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{shade}">'
        f"{escape(text)}</text>"
    )
