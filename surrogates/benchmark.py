"""The benchmark that answers by predicting."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..problems.benchmark import Curve, Outcome
from ..problems.errors import InvalidArgument, UnknownName
from ..problems.parameters import Value
from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Config
from .description import Description
from .features import Features
from .file import MEANS, read_sealed
from .network import MISSING
from .noise import draw_run, perturbing
from .serving import Served, picking
from .subgraph import read_metadata
from .targets import DOUBT, SECONDS

Values = NDArray[np.float64]

NOISES = ("mean", "sample")


class Trust(NamedTuple):
    """How far predictions of n configurations can be trusted."""

    metric: str
    """That `spread` is of: the first that is trained."""
    in_domain: NDArray[np.bool_]
    """(n,) whether it is near runs that were learnt from, see `bagbench.surrogates.domain`."""
    spread: Values
    """(n,) standard deviation of what is predicted as the mean of the metric, had other runs been learnt from, in its
    units; see `bagbench.surrogates.doubt`."""


class Answering(Protocol):
    """The function that answers one query."""

    def __call__(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        """See `Benchmark.query`."""
        ...


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
            raise UnknownName.among("noise", str(noise), NOISES)
        model = read_sealed(Path(path))
        description = Description.from_json(read_metadata(model, "bagbench") or "", Path(path))
        self._description, self._model = description, model
        self._problem = description.problem
        if objectives is not None:
            self._problem = description.problem.with_objectives(objectives)
        self._noise = description.noise if noise == "sample" else None
        self._features = Features(description.problem)
        self._heads = self._choose_heads()
        self._targets = [description.targets[head] for head in self._heads]
        self._served = self._serve()
        selected = [name for name in self._problem.objective_names if name in self._problem.known]
        names = [*self._features.known, *(name for name in selected if name not in self._features.known)]
        self._known = {name: self._problem.known[name] for name in names}
        self._sources = [self._source(name) for name in self._problem.objective_names]
        self._last = self._problem.max_epochs
        self._encode, self._decode = self._problem.space.encode_row, self._problem.space.decode_row
        self._ones = tuple(function.one for function in self._known.values())
        self._leading = len(self._features.known)
        self.query: Answering = self._bind_query()
        """Answers one query; see `Benchmark.query`."""

    def _choose_heads(self) -> list[int]:
        """List the heads that answers need: the objectives', the first one where noise is drawn, and seconds last."""
        names = [target.name for target in self._description.targets]
        wanted = set(self._problem.objective_names)
        heads = [h for h, name in enumerate(names) if name in wanted or (h == 0 and self._noise is not None)]
        return [*heads, names.index(SECONDS)]

    def _serve(self) -> Served:
        """Open the model, and choose the heads."""
        width = self._features.width
        if self._description.has_network:
            return Served(self._model, [MEANS], width, columns=self._heads, missing=MISSING)
        return Served(self._model, [target.name for target in self._targets], width)

    def _source(self, objective: str) -> int:
        """Tell where the loss of an objective stands among all answers: predictions, known values, seconds."""
        names = [*(target.name for target in self._targets), *self._known, "train_seconds"]
        if objective not in names:
            raise UnknownName.among("objective of this surrogate", objective, {*names} - {SECONDS})
        return names.index(objective)

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

    @property
    def knows_its_domain(self) -> bool:
        """Whether `trust` can tell: surrogates fitted before there was such a thing cannot."""
        return self._description.domain is not None

    def trust(self, vectors: Vectors) -> Trust:
        """Tell how far predictions of configurations (n, d) at full fidelity can be trusted.

        Raises
        ------
        InvalidArgument
            If the surrogate was fitted before surrogates could tell.
        """
        domain = self._description.domain
        if domain is None:
            raise InvalidArgument(
                "this surrogate cannot tell how far to trust it: fit its table again with this bagbench"
            )
        space = self._description.problem.space
        space.check(vectors)
        features = self._features.matrix(vectors, np.full(len(vectors), self._last)).astype(np.float32)
        doubt = np.exp(self._doubt.batch(features)[:, 0])
        return Trust(metric=self._description.targets[0].name, in_domain=domain.contains(space, vectors), spread=doubt)

    @cached_property
    def _doubt(self) -> Served:
        """The forest that no answer needs, opened when it is asked for."""
        return Served(self._model, [DOUBT], self._features.width)

    def _bind_query(self) -> Answering:
        """Make the function that answers one query; what it uses is looked up here, once."""
        first, last, check_epochs = self._problem.min_epochs, self._problem.max_epochs, self._problem.check_epochs
        encode, decode, ones, leading = self._encode, self._decode, self._ones, self._leading
        rows, backward = self._served.rows, [target.backward_one for target in self._targets]
        noise, perturb = self._noise, None
        if noise is not None:  # each thread has rows of its own
            perturb = perturbing(noise, lambda numbers: rows.evaluate(numbers), self._heads, self._problem)
        elapsed, pick = self._description.profile.tolist(), picking(self._sources)
        pack = struct.Struct(f"{len(self._sources)}d").pack
        array, view, new = np.ndarray, np.frombuffer, tuple.__new__

        def query(config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
            """Answer one query; see `Benchmark.query`."""
            if epochs is None:
                epochs = last
            elif epochs.__class__ is not int or not first <= epochs <= last:
                epochs = check_epochs(epochs)
            natural: Mapping[str, Value]
            if isinstance(config, array):
                numbers = config.tolist()
                natural = decode(numbers)
            else:
                numbers, natural = encode(config), config
            known: list[float] = []  # here and below: a comprehension would cost a call of its own
            for one in ones:
                known.append(one(natural))
            features = numbers + known[:leading]
            features.append(epochs)
            values = rows.evaluate(features)
            if perturb is not None:
                values = perturb(values, features, seed)
            answers: list[float] = []
            for back, value in zip(backward, values):  # noqa: B905
                answers.append(back(value))
            seconds = answers[-1] * elapsed[epochs - 1]
            answers += known
            answers.append(seconds)
            # Bytes cannot be written to, nor can a view of them; the class's own constructor takes twice as long.
            return new(Outcome, (view(pack(*pick(answers))), seconds, "ok"))

        return query

    def curve(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Curve:
        """Answer with a learning curve; see `Benchmark.curve`."""
        epochs = self._problem.check_epochs(epochs)
        numbers, natural = self._read(config)
        known = [one(natural) for one in self._ones]
        steps = np.arange(1, epochs + 1)
        features = np.empty((epochs, self._features.width), dtype=np.float32)
        features[:, :-1], features[:, -1] = [*numbers, *known[: self._leading]], steps
        values = self._served.batch(features)
        if self._noise is not None:
            final = float(values[-1, 0])
            if epochs != self._last:
                final = self._served.rows.evaluate([*numbers, *known[: self._leading], self._last])[0]
            draw = draw_run(self._noise, self._problem, final, numbers, seed)
            values = values * draw.keeps[:epochs, self._heads] + draw.adds[:epochs, self._heads]
        losses, seconds = self._compose(values, [np.full(epochs, value) for value in known], steps)
        return Curve(seconds=seconds, losses=losses)

    def query_batch(
        self, vectors: Vectors, epochs: NDArray[np.int64], seeds: NDArray[np.int64] | None = None
    ) -> tuple[Losses, Values]:
        """Answer many queries at once; see `Benchmark.query_batch`."""
        space = self._problem.space
        space.check(vectors)
        epochs = _whole("epochs", epochs, len(vectors))
        seeds = np.zeros(len(vectors), dtype=np.int64) if seeds is None else _whole("seeds", seeds, len(vectors))
        for epoch in np.unique(epochs).tolist():
            self._problem.check_epochs(epoch)
        natural = space.natural(vectors)
        known = [function(natural) for function in self._known.values()]
        features = self._features.assemble(vectors, known[: self._leading], epochs).astype(np.float32)
        values = self._served.batch(features)
        if self._noise is not None:
            finals, cut = values[:, 0].copy(), np.flatnonzero(epochs != self._last)
            if len(cut):
                features[cut, -1] = self._last
                finals[cut] = self._served.batch(features[cut])[:, 0]
            draws = zip(finals.tolist(), vectors.tolist(), seeds.tolist(), epochs.tolist(), strict=True)
            for value, (final, numbers, seed, epoch) in zip(values, draws, strict=True):
                draw = draw_run(self._noise, self._problem, final, numbers, seed)
                value *= draw.keeps[epoch - 1, self._heads]
                value += draw.adds[epoch - 1, self._heads]
        return self._compose(values, known, epochs)

    def _read(self, config: Config) -> tuple[list[float], Mapping[str, Value]]:
        """Give the numbers and the natural values of a legal configuration."""
        if isinstance(config, np.ndarray):
            numbers: list[float] = config.tolist()
            return numbers, self._decode(numbers)
        return self._encode(config), config

    def _compose(self, values: Values, known: list[Values], epochs: NDArray[np.int64]) -> tuple[Losses, Values]:
        """Turn predictions (n, h) and known metrics (n,) into losses (n, m) and seconds (n,)."""
        answers = [target.backward(values[:, head]) for head, target in enumerate(self._targets)]
        seconds = answers[-1] * self._description.profile[epochs - 1]
        answers += [*known, seconds]
        return np.stack([answers[source] for source in self._sources], axis=1), seconds


def _whole(what: str, numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Check that there are ``count`` whole numbers."""
    found = np.asarray(numbers)
    if found.shape != (count,) or not np.issubdtype(found.dtype, np.integer):
        raise InvalidArgument(
            f"{what} must be an array of {count} whole numbers, one for each configuration, got {found.dtype} of shape "
            f"{found.shape}"
        )
    return found.astype(np.int64)
