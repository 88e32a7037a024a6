"""The benchmark that answers by predicting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..problems.benchmark import Curve, Outcome
from ..problems.errors import UnknownName
from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Config, Vector
from .description import Description
from .features import Features
from .file import read_sealed
from .serving import OnnxModel, ServedForests
from .targets import SECONDS

NOISES = ("mean", "sample")


class SurrogateBenchmark:
    """A benchmark opened from a surrogate file.

    Parameters
    ----------
    path
        File written by ``bagbench fit``.
    noise
        ``mean``: the expectation; ``sample``: one draw of what a run would score, fixed by (configuration, seed).
    objectives
        Names of the objectives to answer in; by default those of the problem.

    Raises
    ------
    FileProblem
        If the file is missing, foreign, truncated, altered or of a newer version.
    UnknownName
        If ``noise`` or an objective is not known, or the surrogate was fitted without that objective.
    """

    def __init__(self, path: Path | str, *, noise: str = "mean", objectives: Iterable[str] | None = None) -> None:
        if noise not in NOISES:
            raise UnknownName.among("noise", noise, NOISES)
        model = OnnxModel(read_sealed(Path(path)))
        self._description = Description.from_json(model.metadata, Path(path))
        problem = self._description.problem
        self._problem = problem if objectives is None else problem.with_objectives(objectives)
        self._features = Features(problem)
        self._sampled = noise == "sample"
        self._heads = self._choose_heads()
        self._forests = ServedForests(model, [self._description.targets[h].name for h in self._heads], self._features.width)
        self._columns = [self._column(objective.name) for objective in self._problem.objectives]
        self._targets = [self._description.targets[head] for head in self._heads]
        self._elapsed = self._description.profile.tolist()

    def _choose_heads(self) -> list[int]:
        """List the heads that answers need: the objectives', the first one where noise is drawn, and seconds last."""
        names = [target.name for target in self._description.targets]
        wanted = {objective.name for objective in self._problem.objectives}
        heads = [h for h, name in enumerate(names) if name in wanted or (h == 0 and self._sampled)]
        return [*heads, names.index(SECONDS)]

    def _column(self, objective: str) -> tuple[str, int]:
        """Tell where the loss of an objective is found: among features, predictions, or as the seconds."""
        if objective in self._problem.known:
            return "known", self._features.names.index(objective)
        if objective == "train_seconds":
            return "seconds", 0
        names = [self._description.targets[head].name for head in self._heads]
        if objective not in names:
            raise UnknownName.among("objective of this surrogate", objective, [*names[:-1], *self._problem.known])
        return "predicted", names.index(objective)

    @property
    def problem(self) -> Problem:
        """The problem, with the objectives that the answers are given in."""
        return self._problem

    @property
    def card(self) -> Mapping[str, object]:
        """The quality card: how good predictions are, measured on configurations not seen in fitting."""
        return self._description.card

    @property
    def provenance(self) -> Mapping[str, object]:
        """Table, options and versions that the surrogate was made from and with."""
        return self._description.provenance

    def query(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        """Answer one query; see `Benchmark.query`."""
        problem = self._problem
        if epochs is None or not problem.min_epochs <= epochs <= problem.max_epochs:
            epochs = problem.check_epochs(epochs)
        if isinstance(config, np.ndarray):
            if self._sampled:
                return self._query_vector(problem.space.vector(config), epochs, seed)
            numbers, config = config.tolist(), problem.space.decode(config)
        else:
            if self._sampled:
                return self._query_vector(problem.space.encode(config), epochs, seed)
            numbers = problem.space.encode_row(config)
        features = self._features.row(numbers, config, epochs)
        predictions = [
            target.backward_one(value)
            for target, value in zip(self._targets, self._forests.row(features), strict=True)
        ]
        seconds = predictions[-1] * self._elapsed[epochs - 1]
        sources = {"known": features, "predicted": predictions, "seconds": (seconds,)}
        return Outcome(np.array([sources[kind][index] for kind, index in self._columns]), seconds)

    def _query_vector(self, vector: Vector, epochs: int, seed: int) -> Outcome:
        losses, seconds = self.query_batch(vector[None], np.array([epochs]), np.array([seed]))
        return Outcome(losses[0], float(seconds[0]))

    def curve(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Curve:
        """Answer with a learning curve; see `Benchmark.curve`."""
        epochs = self._problem.check_epochs(epochs)
        vector = self._problem.space.vector(config)
        steps = np.arange(1, epochs + 1)
        losses, seconds = self.query_batch(np.repeat(vector[None], epochs, axis=0), steps, np.full(epochs, seed))
        return Curve(seconds=seconds, losses=losses)

    def query_batch(
        self, vectors: Vectors, epochs: NDArray[np.int64], seeds: NDArray[np.int64] | None = None
    ) -> tuple[Losses, NDArray[np.float64]]:
        """Answer many queries at once; see `Benchmark.query_batch`."""
        features = self._features.matrix(vectors, epochs)
        raw = self._forests.batch(features.astype(np.float32))
        if self._sampled:
            raw += self._draw(vectors, features, epochs, np.zeros(len(vectors), dtype=np.int64) if seeds is None else seeds)
        predictions = np.stack([target.backward(raw[:, h]) for h, target in enumerate(self._targets)], axis=1)
        seconds = predictions[:, -1] * self._description.profile[epochs - 1]
        sources = {"known": features, "predicted": predictions, "seconds": seconds[:, None]}
        return np.stack([sources[kind][:, index] for kind, index in self._columns], axis=1), seconds

    def _draw(
        self, vectors: Vectors, features: NDArray[np.float64], epochs: NDArray[np.int64], seeds: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Draw the noise (n, h) of each query at its epoch, in the scale of the predictions."""
        final = features.astype(np.float32)
        final[:, -1] = self._problem.max_epochs
        predicted = self._forests.batch(final)[:, 0]
        residuals = self._description.noise.draw(predicted, self._problem.space.digests(vectors), seeds)
        return residuals[np.arange(len(vectors)), epochs - 1][:, self._heads].astype(np.float64)
