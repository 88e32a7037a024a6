"""An ensemble of small neural networks in plain numpy: predictions, and how much they can be trusted.

Each member has one hidden layer of rectified units, begins from its own random weights and sees its own random batches;
Adam (Kingma, Ba 2015, algorithm 1) minimises the squared error. All members train at once, along the first axis of
every array; training takes the same number of steps, and so the same time, whatever the number of observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .encoding import Features

Weights = NDArray[np.float64]
"""All weights and biases of all members, (members, w)."""

Layers = tuple[Features, Features, Features, Features]
"""Weights and biases of the first layer and of the second, as views of `Weights`; or what belongs to each of them."""

_MEMBERS = 5
_HIDDEN = 32
_STEPS = 400
_BATCH = 32
_RATE = 0.01
_DECAYS = 0.9, 0.999  # Adam's beta 1 and 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Trained members; `fit_ensemble` makes one."""

    weights: Weights
    shift: Features
    scale: Features
    """Means and standard deviations (q,) of the targets."""

    def predict(self, inputs: Features) -> NDArray[np.float64]:
        """Give each member's prediction, (members, n, q), at ``inputs`` (n, k)."""
        first, first_bias, second, second_bias = layers(self.weights, inputs.shape[1], len(self.shift))
        hidden = np.maximum(inputs @ first + first_bias, 0.0)
        predictions: NDArray[np.float64] = self.shift + self.scale * (hidden @ second + second_bias)
        return predictions


def fit_ensemble(inputs: Features, targets: NDArray[np.float64], rng: np.random.Generator) -> Ensemble:
    """Train an ensemble from scratch.

    Parameters
    ----------
    inputs : (n, k) float64
        In the unit cube.
    targets : (n, q) float64
    """
    shift, scale = targets.mean(axis=0), targets.std(axis=0)
    scale = np.where(scale > 1e-12 * np.abs(shift), scale, 1.0)
    standardised = (targets - shift) / scale
    weights = initial_weights(inputs.shape[1], targets.shape[1], rng)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    gradient = np.empty_like(weights)
    network, slopes = (layers(array, inputs.shape[1], targets.shape[1]) for array in (weights, gradient))
    batches = rng.integers(len(inputs), size=(_STEPS, _MEMBERS, _BATCH))
    for step, rows in enumerate(batches, start=1):
        _differentiate(network, inputs[rows], standardised[rows], slopes)
        mean += (1 - _DECAYS[0]) * (gradient - mean)
        square += (1 - _DECAYS[1]) * (gradient**2 - square)
        rate = _RATE * np.sqrt(1 - _DECAYS[1] ** step) / (1 - _DECAYS[0] ** step)
        weights -= rate * mean / (np.sqrt(square) + 1e-8)
    return Ensemble(weights=weights, shift=shift, scale=scale)


def initial_weights(inputs: int, outputs: int, rng: np.random.Generator) -> Weights:
    """Draw weights (He, Zhang, Ren, Sun 2015, eq. 10) for every member anew; biases are 0."""
    weights = np.zeros((_MEMBERS, _HIDDEN * (inputs + 1 + outputs) + outputs))
    first, _, second, _ = layers(weights, inputs, outputs)
    first[...] = np.sqrt(2 / max(inputs, 1)) * rng.standard_normal(first.shape)
    second[...] = np.sqrt(1 / _HIDDEN) * rng.standard_normal(second.shape)
    return weights


def squared_error(weights: Weights, inputs: Features, targets: Features) -> tuple[NDArray[np.float64], Weights]:
    """Evaluate what is minimised.

    Parameters
    ----------
    weights : (members, w) float64
    inputs : (members, b, k) float64
    targets : (members, b, q) float64

    Returns
    -------
    error : (members,) float64
        Half the mean over the batch of the squared distance.
    gradient : (members, w) float64
        Of each member's error by its own weights.
    """
    gradient = np.empty_like(weights)
    network, slopes = (layers(array, inputs.shape[-1], targets.shape[-1]) for array in (weights, gradient))
    difference = _differentiate(network, inputs, targets, slopes)
    error = 0.5 * (difference**2).sum(axis=2).mean(axis=1)
    return error, gradient


def _differentiate(network: Layers, inputs: Features, targets: Features, slopes: Layers) -> Features:
    """Write the gradient of the error into ``slopes``, and give the predictions' differences from ``targets``."""
    first, first_bias, second, second_bias = network
    hidden = np.maximum(inputs @ first + first_bias, 0.0)
    difference: Features = hidden @ second + second_bias - targets
    outer = difference / inputs.shape[1]
    inner = (outer @ second.transpose(0, 2, 1)) * (hidden > 0)
    slopes[0][...] = inputs.transpose(0, 2, 1) @ inner
    slopes[1][...] = inner.sum(axis=1, keepdims=True)
    slopes[2][...] = hidden.transpose(0, 2, 1) @ outer
    slopes[3][...] = outer.sum(axis=1, keepdims=True)
    return difference


def layers(weights: Weights, inputs: int, outputs: int) -> Layers:
    """View ``weights`` (members, w) as the first layer, (members, k, h) and (members, 1, h), and the second."""
    shapes = [(inputs, _HIDDEN), (1, _HIDDEN), (_HIDDEN, outputs), (1, outputs)]
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    parts = np.split(weights, ends[:-1], axis=1)
    first, first_bias, second, second_bias = (
        part.reshape(len(weights), *shape) for part, shape in zip(parts, shapes, strict=True)
    )
    return first, first_bias, second, second_bias
