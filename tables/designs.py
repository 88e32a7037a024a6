"""Designs: which configurations a table holds, as an endless sequence fixed by its plan.

A plan names the problem, the design and its seed; run i of it is the same on every machine and however many runs are
wanted, so a table can grow, and many processes can share the work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..problems.environment import PRECISIONS
from ..problems.errors import FileProblem, InvalidArgument, UnknownName
from ..problems.problem import Problem, Vectors
from ..problems.space import Vector

DESIGNS = ("random", "sobol", "cost-aware")
CHOSEN = "chosen"
"""Of a table whose configurations somebody chose, see `bagbench.tables.chosen`: it has no planned runs."""
TARGET_SECONDS: Mapping[str, float] = {"digits": 1.0, "flowers": 20.0, "fashion": 60.0}
"""Target of a cost-aware design for each shipped problem, unless told otherwise; on a GPU for `fashion`."""
_BLOCK = 256
_PATIENCE = 40  # blocks without anything new after which a space counts as exhausted


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """Predicted training seconds of an epoch.

    ``per_step`` * optimizer steps + ``per_weight`` * steps * trainable parameters + ``per_mac`` * MACs * images.
    """

    per_step: float
    per_mac: float
    per_weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a table is being filled with."""

    problem: str
    design: str = "random"
    """``random``: as the space declares; ``sobol``: scrambled Sobol sequence (Sobol 1967, Owen 1998);
    ``cost-aware``: random, each accepted with probability min(1, ``target_seconds`` / predicted seconds);
    ``chosen``: not drawn at all."""
    seed: int = 0
    replicates: float = 0.1
    """Share of the runs that repeat the configuration of an earlier run with another seed, in [0, 0.99]. Up to a half,
    the first configurations are run twice; with more, all are, as often as it takes: ten times with 0.9."""
    target_seconds: float = 0.0
    cost: CostModel | None = None
    epochs: int | None = None
    """Epochs of every run; None: the problem's maximum."""
    precision: str = "float32"
    """How runs compute, one of `PRECISIONS`; the same for all runs of a table."""

    def __post_init__(self) -> None:
        if self.design not in (*DESIGNS, CHOSEN):
            raise UnknownName.among("design", self.design, DESIGNS)
        if self.precision not in PRECISIONS:
            raise UnknownName.among("precision", self.precision, PRECISIONS)
        if not 0.0 <= self.replicates <= 0.99:
            raise InvalidArgument(f"replicates is a share of the runs in [0, 0.99], got {self.replicates}")
        if self.design == "cost-aware" and (self.cost is None or not self.target_seconds > 0):
            raise InvalidArgument(f"design 'cost-aware' needs target seconds above 0, got {self.target_seconds}")

    def to_json(self) -> str:
        """Write the plan as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what `to_json` wrote.

        Raises
        ------
        FileProblem
            If the text is no such document.
        """
        try:
            values = json.loads(text)
            cost = values.pop("cost")
            return cls(**values, cost=None if cost is None else CostModel(**cost))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FileProblem(f"not a plan of `bagbench populate`: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One run of a plan."""

    index: int
    vector: Vector
    digest: str
    seed: int
    inclusion_probability: float
    """Probability with which the design accepted this configuration once it was drawn."""


def predicted_seconds(problem: Problem, vectors: Vectors, cost: CostModel, images: int) -> NDArray[np.float64]:
    """Predict the training seconds (n,) of configurations (n, d) at full fidelity on ``images`` training images."""
    steps, weights, macs = work(problem, vectors, images)
    epoch: NDArray[np.float64] = (
        cost.per_step * steps + cost.per_mac * macs * images + cost.per_weight * steps * weights
    )
    return problem.max_epochs * epoch


def work(problem: Problem, vectors: Vectors, images: int) -> NDArray[np.float64]:
    """Count (3, n): optimizer steps of an epoch, weights that each updates, multiply-accumulates of an image."""
    natural = problem.space.natural(vectors)
    steps = np.ceil(images / natural["batch_size"])
    weights, macs = (10.0 ** problem.known[name](natural) for name in ("log10_params", "log10_macs"))
    return np.stack([steps, weights, macs])


def planned_runs(plan: Plan, problem: Problem, images: int, count: int) -> list[PlannedRun]:
    """List the first ``count`` runs of ``plan``.

    Parameters
    ----------
    plan, problem
        What is collected.
    images
        Number of training images, which `CostModel` needs.
    count
        How many runs.

    Raises
    ------
    UnknownName
        If the plan's design draws no configurations, which is `CHOSEN`.
    """
    if plan.design not in DESIGNS:
        raise UnknownName.among("design", plan.design, DESIGNS)
    return list(islice(_runs(plan, problem, images), count))


def _runs(plan: Plan, problem: Problem, images: int) -> Iterator[PlannedRun]:
    """Go through the plan; a replicate is due whenever their share has fallen behind."""
    fresh = _configurations(plan, problem, images)
    originals: list[PlannedRun] = []
    replicates, index = 0, 0
    of_each = max(1, ceil(plan.replicates / (1.0 - plan.replicates) - 1e-9))
    while True:
        if replicates < min(int(plan.replicates * (index + 1)), of_each * len(originals)):
            planned = replace(originals[replicates // of_each], index=index, seed=1 + replicates % of_each)
            replicates += 1
        else:
            vector, digest, probability = next(fresh)
            planned = PlannedRun(index=index, vector=vector, digest=digest, seed=0, inclusion_probability=probability)
            originals.append(planned)
        yield planned
        index += 1


def _configurations(plan: Plan, problem: Problem, images: int) -> Iterator[tuple[Vector, str, float]]:
    """Draw different configurations with their digests and inclusion probabilities."""
    rng = np.random.default_rng([plan.seed, 0])
    space, seen = problem.space, set[str]()
    barren = 0
    for vectors in _blocks(plan, problem):
        if barren == _PATIENCE:
            raise InvalidArgument(
                f"the space of {problem.name!r} holds about {len(seen)} configurations: ask for fewer runs"
            )
        before = len(seen)
        probability = np.ones(len(vectors))
        if plan.cost is not None:
            probability = np.minimum(1.0, plan.target_seconds / predicted_seconds(problem, vectors, plan.cost, images))
        accepted = rng.random(len(vectors)) < probability
        for vector, digest, chance, taken in zip(vectors, space.digests(vectors), probability, accepted, strict=True):
            if taken and digest not in seen:
                seen.add(digest)
                yield vector, digest, float(chance)
        barren = barren + 1 if len(seen) == before else 0


def _blocks(plan: Plan, problem: Problem) -> Iterator[Vectors]:
    space = problem.space
    if plan.design == "sobol":
        from scipy.stats import qmc

        sobol = qmc.Sobol(len(space), scramble=True, rng=np.random.default_rng([plan.seed, 1]))
        while True:
            yield space.from_unit(sobol.random(_BLOCK))
    rng = np.random.default_rng([plan.seed, 1])
    while True:
        yield space.from_unit(rng.random((_BLOCK, len(space))))
