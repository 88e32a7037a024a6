"""What a race claims: the configurations on its final fronts, in the order in which they are checked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..problems.benchmark import Benchmark
from .races import Experiment
from .validation_file import Claim


def digests_by_method(experiment: Experiment) -> dict[str, frozenset[str]]:
    """Tell which configurations are on the final fronts of each optimizer, all seeds together, by digest."""
    digests = experiment.problem.space.digests
    return {
        optimizer: frozenset(
            digest for race in experiment.of(optimizer) for digest in digests(experiment.front(race)[1])
        )
        for optimizer in experiment.optimizers
    }


def find_claims(experiment: Experiment, benchmark: Benchmark) -> tuple[Claim, ...]:
    """List the union of the final fronts of all races, each configuration once.

    The first k of them are a fair sample, whatever k is: the methods take turns, and each names the configuration
    that is farthest from those it named before.

    Parameters
    ----------
    benchmark
        The one that answered; it says how long each training takes from scratch.
    """
    fronts = [experiment.front(race) for race in experiment.races]
    losses, vectors = (np.concatenate(parts) for parts in zip(*fronts, strict=True))
    problem = experiment.problem
    digests = problem.space.digests(vectors)
    first = {digest: row for row, digest in reversed([*enumerate(digests)])}
    scaled = losses / (problem.reference_point - problem.ideal_point)
    hands = []
    for found in digests_by_method(experiment).values():
        own = sorted(first[digest] for digest in found)
        hands.append([own[place] for place in spread_out(scaled[own])])
    rows = take_turns(hands)
    _, seconds = benchmark.query_batch(vectors[rows], np.full(len(rows), problem.max_epochs))
    return tuple(
        Claim(digest=digests[row], vector=vectors[row], losses=losses[row], seconds=cost)
        for row, cost in zip(rows, seconds.tolist(), strict=True)
    )


def take_turns(hands: Sequence[Sequence[int]], /) -> list[int]:
    """Order the union of ``hands`` so that every prefix holds as equally many of each as can be.

    The hand of which fewest are in the order yet, the first of such, adds its next one. One that several hands hold
    is added once, and counts for all of them.
    """
    order: dict[int, None] = {}
    sets, rest, served = [frozenset(hand) for hand in hands], [iter(hand) for hand in hands], [0] * len(hands)
    while unfinished := [turn for turn, hand in enumerate(sets) if served[turn] < len(hand)]:
        turn = min(unfinished, key=served.__getitem__)
        item = next(item for item in rest[turn] if item not in order)
        order[item] = None
        served = [count + (item in hand) for count, hand in zip(served, sets, strict=True)]
    return list(order)


def spread_out(points: NDArray[np.float64], /) -> NDArray[np.intp]:
    """Order points (n, m) so that every prefix is spread over all of them.

    The first has the least first coordinate; each further one is the farthest from those before (Gonzalez 1985).
    """
    order: list[int] = []
    distance = np.full(len(points), math.inf)
    following = int(np.argmin(points[:, 0])) if len(points) else 0
    while len(order) < len(points):
        order.append(following)
        distance = np.minimum(distance, np.linalg.norm(points - points[following], axis=1))
        distance[order] = -1.0
        following = int(np.argmax(distance))
    return np.array(order, dtype=np.intp)
