"""Distillation: a small network learns what a teacher says, by torch.

Ba & Caruana 2014, "Do deep nets really need to be deep?"; Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a
neural network". There is no noise to overfit, so nothing holds the network back, and it learns as long as it is let.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.threads import one_thread
from .network import Network, activation, filled, ramps
from .rounding import rounded

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

_FEWEST = 20  # steps: of fewer there is none to warm up in
_WARM_UP = 0.1  # of the steps, in which the learning rate grows


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """How a network is made that learns from a teacher."""

    hidden: tuple[int, ...] = (128, 128)
    """Units of its layers: what its likeness to the teacher hangs on, and what a query costs."""
    steps: int = 64_000
    """Of Adam, on ``batch`` examples each."""
    batch: int = 512
    learning_rate: float = 0.004
    """The largest: it grows over the first tenth of the steps, then falls (Smith & Topin 2018, "Super-convergence")."""

    def __post_init__(self) -> None:
        if not self.hidden or min(*self.hidden, self.batch) < 1 or self.steps < _FEWEST or not self.learning_rate > 0:
            raise InvalidArgument(f"a student has hidden units, and learns in {_FEWEST} steps or more, got {self}")

    def learn(self, features: NDArray[np.float32], targets: Array, *, seed: int) -> Network:
        """Learn ``targets`` (n, h) of ``features`` (n, f), the epoch last and NaN where missing, by least squares.

        All targets count the same, whatever their scales.
        """
        first = ramps(features)
        inputs = activation(first(filled(features)))
        shift, scale = inputs.mean(axis=0, dtype=np.float64), _spread(inputs)
        centre, spread = targets.mean(axis=0), _spread(targets)
        learnt = self._train(
            ((inputs - shift) / scale).astype(np.float32), ((targets - centre) / spread).astype(np.float32), seed
        )
        (weights, biases), *rest = learnt
        learnt = [(weights / scale[:, None], biases - (shift / scale) @ weights), *rest]
        *rest, (weights, biases) = learnt
        return rounded(first, inputs, [*rest, (weights * spread, biases * spread + centre)])

    def _train(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], seed: int) -> list[tuple[Array, Array]]:
        """Learn standardised ``targets``; give weights (a, b) and biases (b,) of the layers."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        x, y = torch.from_numpy(inputs), torch.from_numpy(targets)

        def uniform(a: int, *shape: int) -> Tensor:
            values: Tensor = (2 * torch.rand(shape, generator=generator) - 1) / a**0.5
            return values.requires_grad_()

        widths = [x.shape[1], *self.hidden, y.shape[1]]
        layers = [(uniform(a, a, b), uniform(a, b)) for a, b in pairwise(widths)]
        adam = torch.optim.Adam([each for layer in layers for each in layer])
        rate = torch.optim.lr_scheduler.OneCycleLR(adam, self.learning_rate, self.steps, pct_start=_WARM_UP)
        size = min(self.batch, len(x))
        with one_thread():  # sums in another order would be another network
            for step in range(self.steps):
                place = step % (len(x) // size)
                if not place:
                    order = torch.randperm(len(x), generator=generator)
                rows = order[place * size : (place + 1) * size]
                adam.zero_grad()
                torch.nn.functional.mse_loss(_evaluate(layers, x[rows]), y[rows]).backward()
                adam.step()
                rate.step()
        return [(w.detach().numpy().astype(np.float64), b.detach().numpy().astype(np.float64)) for w, b in layers]


def _evaluate(layers: list[tuple[Tensor, Tensor]], rows: Tensor) -> Tensor:
    for weights, biases in layers[:-1]:
        rows = (rows @ weights + biases).relu_()
    weights, biases = layers[-1]
    return rows @ weights + biases


def _spread(columns: NDArray[np.float32] | Array) -> Array:
    """Give the standard deviation (k,) of columns (n, k), 1 where there is none."""
    spread = columns.std(axis=0, dtype=np.float64)
    return np.where(spread > 0, spread, 1.0)
