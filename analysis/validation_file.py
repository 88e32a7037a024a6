"""``validation.csv``: one line a true training, what was predicted beside what came out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..problems.benchmark import Outcome
from ..problems.errors import FileProblem
from ..problems.files import write_atomically
from ..problems.problem import Losses, Problem
from ..problems.space import Vector

Trainings = Mapping[tuple[str, int], Outcome]
"""True outcomes after the last epoch, by digest of the configuration and seed; NaN losses where a run failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a race says of a configuration on its final front."""

    digest: str
    vector: Vector
    """(d,)"""
    losses: Losses
    """(m,) as predicted."""
    seconds: float
    """Of a whole training, as predicted."""


def columns(problem: Problem) -> tuple[str, ...]:
    """Give the header of the file."""
    quantities = (*problem.objective_names, "seconds")
    pairs = (f"{kind}_{name}" for name in quantities for kind in ("predicted", "true"))
    return ("digest", "seed", "status", *pairs, "config")


def write_trainings(path: Path, problem: Problem, claims: Sequence[Claim], trainings: Trainings) -> None:
    """Write the trainings of the claims, in their order, then by seed; floats with all their digits."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(columns(problem))
    for claim in claims:
        config = json.dumps(problem.space.decode(claim.vector))
        for (_, seed), outcome in sorted(item for item in trainings.items() if item[0][0] == claim.digest):
            predicted, true = (*claim.losses.tolist(), claim.seconds), (*outcome.losses.tolist(), outcome.seconds)
            pairs = [value for pair in zip(predicted, true, strict=True) for value in pair]
            lines.writerow([claim.digest, seed, outcome.status, *pairs, config])
    write_atomically(path, text.getvalue())


def read_trainings(path: Path, problem: Problem) -> Trainings:
    """Read the true outcomes back.

    Raises
    ------
    FileProblem
        If the file is no ``validation.csv`` of races with these objectives, or damaged.
    """
    remedy = "expected the validation.csv that `bagbench validate` wrote for these races: move it away to start anew"
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileProblem(f"{path} is no CSV file ({error}): {remedy}") from error
    header = columns(problem)
    if not lines or tuple(lines[0]) != header:
        raise FileProblem(f"{path} has other columns: {remedy}")
    trainings = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            row = dict(zip(header, line, strict=True))
            losses = np.array([float(row[f"true_{name}"]) for name in problem.objective_names])
            trainings[row["digest"], int(row["seed"])] = Outcome(losses, float(row["true_seconds"]), row["status"])
        except ValueError as error:
            raise FileProblem(f"{path}, line {number} is damaged ({error}): {remedy}") from error
    return trainings
