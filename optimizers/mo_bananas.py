"""MO-BANANAS: mutants of the best, of which an ensemble of neural predictors chooses those to train.

Guerrero-Viu et al. 2021 (arXiv 2105.01015), after White, Neiswanger, Savani 2021 (BANANAS, AAAI): predictors are
trained on all full trainings; each of the best, by front and crowding, has a mutant; of the mutants, independent
Thompson sampling over ranks selects a batch. MO-BANANAS trains it in full; MO-BANANAS-SH sends it up a ladder of
epochs, on which one of ``eta`` goes on from rung to rung. With its defaults and 25 epochs an iteration is::

    10 selected of 20 mutants x 9 epochs -> 3 x 25 epochs, resumed

Unlike the published code: all that reach the top rung teach the predictors, not one of three; every parameter has its
own place in the encoding, whatever is active, and a logarithmic scale where one is declared; mutation acts on that
scale, by steps as of `Space.neighbours`, and changes depths, too; predictors begin anew in every iteration; known
objectives are taken exactly; nothing is trained twice; the epochs of all rungs cost. Rungs promote by front and
exclusive hypervolume, as all halving methods here, instead of by front and crowding.

Many queries may be open: while a batch waits for its last results, the next one is selected from what is known.
Failed trials are left out; losses beyond the reference point count as on it.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import chain, cycle, islice, repeat

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Space, Vector
from ..problems.threads import one_thread
from .base import Query, Result
from .brackets import Brackets
from .encoding import Features, activity_flags, unit_cube
from .ensemble import fit_ensemble
from .ladder import epoch_ladder
from .nsga2 import crowded_order
from .random_search import RandomSearch
from .trials import Trials

_FEWEST = 2  # scored trials that predictors can be trained on
_MUTATED = 3  # active parameters
_STEP = 0.2  # standard deviation of a mutation in the unit interval


class MoBananas:
    """Batches of mutants that predictors select.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    initial
        Size of the initial design, trained in full.
    mutants
        How many to choose from, one for each of as many parents.
    selected
        Of them, how many are trained.
    min_epochs
        The lowest rung of the ladder that they climb; by default its top: all are trained in full at once.
    eta
        Factor between rungs, above 1.

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        initial: int = 10,
        mutants: int = 8,
        selected: int = 4,
        min_epochs: int | None = None,
        eta: float = 3.0,
    ) -> None:
        if initial < 1 or not 1 <= selected <= mutants:
            raise InvalidArgument(
                "mo-bananas needs an initial design of 1 configuration or more, and 1 or more mutants selected of no "
                f"fewer, got initial={initial}, selected={selected}, mutants={mutants}"
            )
        lowest = problem.max_epochs if min_epochs is None else min_epochs
        ladder = epoch_ladder(problem, min_epochs=lowest, eta=eta)
        rungs = [(max(1, int(selected // eta**rung)), epochs) for rung, epochs in enumerate(ladder)]
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._design = RandomSearch(problem, seed=seed)
        self._initial, self._mutants, self._selected = initial, mutants, selected
        self._trials = Trials(problem)
        self._batch: deque[Vector] = deque()
        self._brackets = Brackets(problem, chain([[(initial, problem.max_epochs)]], repeat(rungs)), self._draw)

    def ask(self) -> Query | None:
        """Name the next trial; never waits."""
        return self._brackets.ask()

    def tell(self, result: Result) -> None:
        """Take in the result of a trial."""
        self._trials.tell(result)
        self._brackets.tell(result)

    def _draw(self, epochs: int) -> Vector:
        """Give the next configuration to train: of the design, or of a batch of mutants."""
        if not self._batch and len(self._trials) >= self._initial:
            self._batch.extend(self._select())
        vector = self._batch.popleft() if self._batch else self._design.ask().config
        self._trials.enter(vector)
        return vector

    def _select(self) -> list[Vector]:
        """Select a batch of mutants, best first; none where too little has been scored, or nothing new is left."""
        vectors, losses = self._trials.vectors, self._trials.losses
        if len(vectors) < _FEWEST:
            return []
        parents = vectors[list(islice(cycle(crowded_order(losses)), self._mutants))]
        mutants = self._trials.unasked(mutants_of(self._problem.space, parents, self._rng))
        if not len(mutants):
            return []
        with one_thread():
            predictions = self._predictions(vectors, losses, mutants)
        order = np.argsort(thompson_ranks(predictions, self._rng))
        return [mutants[i].copy() for i in order[: self._selected]]

    def _predictions(self, vectors: Vectors, losses: Losses, mutants: Vectors) -> NDArray[np.float64]:
        """Each member's losses of the mutants, (members, n, m); known objectives are known."""
        known = self._problem.known_losses(mutants)
        unknown = np.isnan(known).all(axis=0)
        ensemble = fit_ensemble(features(self._problem.space, vectors), losses[:, unknown], self._rng)
        predicted = ensemble.predict(features(self._problem.space, mutants))
        predictions = np.repeat(known[None], len(predicted), axis=0)
        predictions[:, :, unknown] = predicted
        return predictions


def mo_bananas_sh(
    problem: Problem,
    *,
    seed: int,
    initial: int = 10,
    mutants: int = 20,
    selected: int = 10,
    min_epochs: int | None = None,
    eta: float = 3.0,
) -> MoBananas:
    """Build `MoBananas` on a ladder of epochs; its lowest rung is by default one ``eta``-th of the maximum."""
    lowest = max(problem.min_epochs, math.ceil(problem.max_epochs / eta)) if min_epochs is None else min_epochs
    return MoBananas(
        problem, seed=seed, initial=initial, mutants=mutants, selected=selected, min_epochs=lowest, eta=eta
    )


def features(space: Space, vectors: Vectors, /) -> Features:
    """Encode configurations (n, d) for the predictors: the unit cube, then a flag for every conditional parameter."""
    return np.concatenate([unit_cube(space, vectors), activity_flags(space, vectors)], axis=1)


def mutants_of(space: Space, parents: Vectors, rng: np.random.Generator, /) -> Vectors:
    """Move three active parameters of each parent (n, d) by a step in the unit cube; choices take another value.

    Parameters that become active are drawn afresh.
    """
    children = np.where(np.isnan(parents), space.sample_all(rng, len(parents)), parents)
    variable = np.array([parameter.size > 1 for parameter in space.parameters])
    for child, parent in zip(children, parents, strict=True):
        for i in rng.permutation(np.flatnonzero(~np.isnan(parent) & variable))[:_MUTATED]:
            child[i] = space.parameters[i].step(float(parent[i]), rng, _STEP)
    return space.deactivate(children)


def thompson_ranks(predictions: NDArray[np.float64], rng: np.random.Generator, /) -> NDArray[np.float64]:
    """Draw a rank for each candidate: independent Thompson sampling.

    Parameters
    ----------
    predictions : (members, n, m) float64

    Returns
    -------
    ranks : (n,) float64
        Normal around the rank under the mean prediction; the variance is that of the members' ranks around it.
    """
    mean = _ranks(predictions.mean(axis=0))
    members = np.array([_ranks(losses) for losses in predictions])
    spread = np.sqrt(((members - mean) ** 2).sum(axis=0) / (len(members) - 1))
    ranks: NDArray[np.float64] = rng.normal(mean, spread)
    return ranks


def _ranks(losses: Losses) -> NDArray[np.int64]:
    """Place of each row (n, m) in the order by front and crowding, (n,)."""
    places = np.empty(len(losses), dtype=np.int64)
    places[crowded_order(losses)] = np.arange(len(losses))
    return places
