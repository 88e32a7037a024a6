"""What one training run leaves behind, and how losses are read from it.

A record holds natural quantities per epoch (accuracies in [0, 1], losses in nats, seconds as increments); losses in the
sense of `Problem.metrics` are derived here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .benchmark import Curve
from .errors import UnknownName
from .problem import Losses, Problem

CURVES = ("val_accuracy", "test_accuracy", "val_loss", "train_loss", "train_seconds", "eval_seconds")
"""Per-epoch quantities of a run of the true trainer, in the order in which tables list them."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One finished run."""

    status: str
    """``"ok"``, ``"diverged"`` (the loss became NaN or infinite), ``"failed"`` or ``"out_of_memory"``."""
    curves: Mapping[str, Array]
    """name -> (E,); seconds are those of each epoch alone. Shorter or empty if the run failed."""
    started: float
    """When it started, in seconds since 1970."""
    error: str = ""
    """What went wrong, for a run that failed."""
    lost_seconds: float = 0.0
    """What the epoch took in which memory ran out; no curve has it."""


def read_metric(name: str, curves: Mapping[str, Array], problem: Problem) -> Array:
    """Derive one metric (..., E) that is not known in closed form from curves (..., E).

    ``val_error`` and ``test_error`` are 100 (1 - accuracy) where there is no curve of that name; ``train_seconds`` is
    cumulative. Any other metric is the curve of its name, negated if people maximise it; losses are clipped to their
    bounds, and the NaN of a diverged run is the worst that the bounds allow. Epochs that were not trained, whose
    seconds are NaN, stay NaN.

    Raises
    ------
    UnknownName
        If the problem records no such metric.
    """
    metrics = {metric.name: metric for metric in problem.metrics}
    if name not in metrics:
        raise UnknownName.among(f"metric of {problem.name!r}", name, metrics)
    if name in ("val_error", "test_error") and name not in curves:
        return 100.0 * (1.0 - curves[name.replace("error", "accuracy")])
    if name == "train_seconds":
        return np.cumsum(curves[name], axis=-1)
    low, high = metrics[name].bounds
    losses = -curves[name] if metrics[name].maximize else curves[name]
    losses = np.clip(np.nan_to_num(losses, nan=high, posinf=high), low, high)
    return np.where(np.isnan(curves["train_seconds"]), np.nan, losses)


def has_diverged(curves: Mapping[str, Sequence[float] | Array]) -> bool:
    """Tell whether a loss of these epochs is NaN or infinite."""
    return not all(np.isfinite(curves[name]).all() for name in ("train_loss", "val_loss"))


def to_curve(problem: Problem, vector: Array, curves: Mapping[str, Array]) -> Curve:
    """Turn the curves (E,) of one run of configuration ``vector`` (d,) into losses in the problem's objectives."""
    known: Losses = problem.known_losses(vector[None])[0]
    columns = [
        read_metric(objective.name, curves, problem)
        if np.isnan(known[j])
        else np.full(len(curves["train_seconds"]), known[j])
        for j, objective in enumerate(problem.objectives)
    ]
    status = "diverged" if has_diverged(curves) else "ok"
    return Curve(seconds=np.cumsum(curves["train_seconds"]), losses=np.stack(columns, axis=1), status=status)


def broken_off(reached: Curve, epochs: int, *, seconds: float, status: str) -> Curve:
    """Go on with the curve ``reached`` (E,) of a failed run to ``epochs`` epochs, at least E, that have no losses.

    The first of them took ``seconds``; the others, which were never begun, the least possible steps of time.
    """
    missing = epochs - len(reached.seconds)
    times = reached.seconds.tolist()
    for lost in [seconds, *[0.0] * missing][:missing]:
        before = times[-1] if times else 0.0
        times.append(max(before + lost, float(np.nextafter(before, np.inf))))
    losses = np.concatenate([reached.losses, np.full((missing, reached.losses.shape[1]), np.nan)])
    return Curve(seconds=np.array(times), losses=losses, status=status)
