"""Rounding the weights of a network so that no sum of theirs is ever rounded again, see `network`.

Each weight is rounded in turn, and the weights of a unit that are not rounded yet make up for it, as well as they can
on examples: units of a layer say nearly the same, so most of an error can be made up for (Frantar et al. 2023, "OPTQ:
Accurate quantization for generative pre-trained transformers", ICLR; Hassibi & Stork 1993, "Optimal brain surgeon").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..problems.threads import one_thread
from .network import Layer, Network

Array = NDArray[np.float64]

_WHOLE = 2.0**24  # up to which every whole number is a float32
_LARGEST = 2.0**11 - 1  # activation that a unit can have: finer ones leave too few bits for weights
_BEYOND = 1.5  # times as large a ramp may become, and sums are still exact
_ENOUGH = 50_000  # examples, to know how units go together
_RIDGE = 1e-4  # of a unit's square: what weights that make up for others are held back by


def rounded(first: Layer, examples: NDArray[np.float32], layers: Sequence[tuple[Array, Array]]) -> Network:
    """Round weights (a, b) and biases (b,) of ``layers`` so that no sum of theirs is ever rounded again.

    Every unit is multiplied by what makes the largest activation it can have `_LARGEST`, which the next layer takes
    back: max(0, c x) is c max(0, x). Its weights are then rounded to multiples of the smallest power of two with which
    no partial sum exceeds 2^24 of it.

    Parameters
    ----------
    first
        Ramps.
    examples : (n, k) float32
        Their activations, which say how large they become.
    layers
        Learnt with the activations of ``first`` as inputs, and no fractions dropped.
    """
    largest = _BEYOND * examples.max(axis=0).astype(np.float64)
    rows = examples[:: max(1, len(examples) // _ENOUGH)].astype(np.float64)
    scales, out = np.ones(len(largest)), [first]
    with one_thread():  # sums in another order would be another network
        for number, (weights, biases) in enumerate(layers, start=1):
            weights = weights / scales[:, None]
            if number < len(layers):
                highest = np.maximum(weights, 0).T @ largest + biases
                scales = _LARGEST / np.where(highest > 0, highest, _LARGEST)  # else it is silent, whatever is asked
                weights, biases = weights * scales, biases * scales + 0.5  # fractions are dropped: a half on average
            weights, biases = _multiples(weights, biases, largest, rows)
            largest = np.floor(np.maximum(np.maximum(weights, 0).T @ largest + biases, 0))
            rows = np.floor(np.maximum(rows @ weights + biases, 0))
            out.append(Layer(weights=weights.astype(np.float32), biases=biases.astype(np.float32)))
    return Network(layers=out)


def _multiples(weights: Array, biases: Array, largest: Array, rows: Array) -> tuple[Array, Array]:
    """Round each unit's weights (a, b) and bias (b,), so that no sum over activations up to ``largest`` is rounded.

    ``rows`` (n, a) are activations on which sums are to stay what they were.
    """
    both, highest = np.vstack([weights, biases]), np.append(largest, 1.0)
    sums = np.abs(both).T @ highest
    unit = 2.0 ** np.ceil(np.log2(np.where(sums > 0, sums, 1.0) / _WHOLE))
    makes_up = _making_up(rows)
    while True:
        found = _one_by_one(both, unit, makes_up)
        over = np.abs(found).T @ highest > _WHOLE * unit  # by what made up for others
        if not over.any():
            return found[:-1], found[-1]
        unit[over] *= 2


def _making_up(rows: Array) -> Array:
    """Tell by how much later weights best change, row i (a + 1,) for one that the i-th is too small; the last: biases.

    If the sums of squares and products of activations are H, these are the rows of the Cholesky factor of its inverse,
    each divided by its diagonal element.
    """
    inputs = np.column_stack([rows, np.ones(len(rows))])
    products = inputs.T @ inputs / len(inputs)
    squares = np.diag(products)
    products[np.diag_indices_from(products)] += np.where(squares > 0, _RIDGE * squares, 1.0)
    factor = np.linalg.cholesky(np.linalg.inv(products)).T
    return np.asarray(factor / np.diag(factor)[:, None])


def _one_by_one(both: Array, unit: Array, makes_up: Array) -> Array:
    """Round weights and biases (a + 1, b) to multiples of each unit's ``unit`` (b,), the first ones first."""
    left, found = both.copy(), np.empty_like(both)
    for place, row in enumerate(makes_up):
        found[place] = np.round(left[place] / unit) * unit
        left[place + 1 :] -= np.outer(row[place + 1 :], left[place] - found[place])
    return found
