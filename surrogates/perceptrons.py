"""Multilayer perceptrons, by torch: smooth where trees have steps, and all outputs at once.

Features are standardised; a missing one takes the mean, and a column tells that it was missing. Each layer but the
first adds to what it was given (residual learning: He et al. 2016), so that several of them learn as easily as two.
Weights decay apart from the gradient (Loshchilov & Hutter 2019, "Decoupled weight decay regularization"), and the
learning rate grows, then falls (Smith & Topin 2018, "Super-convergence"). Several networks with other first weights
learn side by side, as one product of matrices, and are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.threads import one_thread

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]
Model = Callable[[Array], Array]

_MANY = 5_000
_REPEATED = 2.5  # times as often at most: that of 2,000 examples; fewer are known by then, noise and all
_STEPS = 2_000  # of Adam, about, where examples are many: larger tables take larger batches
_SMALLEST = 64  # batch
_FULL = 256  # batch, from which the learning rate need not be lower
_MOST_DECAY = 1 / 0.3  # times as much, where examples are few
_WARM_UP = 0.1  # of the steps, in which the learning rate grows
_FIRST_WEIGHTS = 0.5  # of what first weights usually are: functions that begin smoother stay so (Chizat et al. 2019)
_BLOCK = 4_000  # rows at a time: of 600 outputs of eight members they take 80 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceptrons:
    """How they are trained; several with other seeds are averaged."""

    members: int = 8
    width: int = 128
    """Units of each hidden layer."""
    layers: int = 4
    """Hidden ones."""
    passes: int = 40
    """Through the examples of a table of `_MANY` or more; smaller ones take up to `_REPEATED` times as many."""
    learning_rate: float = 0.008
    """The largest, on batches of `_FULL` or more; in proportion to the root of the size on smaller ones."""
    decay: float = 0.3
    """Of weights: by so much, times the learning rate, they shrink at each step, learning from `_MANY` examples. From
    fewer they shrink by more, from more by less: it stands for a prior."""
    dropout: float = 0.2
    """Share of the units that say nothing at a step, at random (Srivastava et al. 2014). It is less, too, of more
    examples than `_MANY`."""

    def __post_init__(self) -> None:
        if min(self.members, self.width, self.layers, self.passes) < 1 or not 0 <= self.dropout < 1:
            raise InvalidArgument(f"perceptrons have members, units, layers and passes, and some units speak: {self}")

    def classify(self, features: Array, labels: NDArray[np.bool_], *, weights: Array | None = None, seed: int) -> Model:
        """Learn the probabilities of ``labels`` (n, q) given ``features`` (n, f); examples count by ``weights`` (n,).

        The members' odds are averaged, on a log scale: a probability of one in a thousand is not to be drowned by a
        member that says one in twenty (logarithmic opinion pool: Genest & Zidek 1986).

        Returns
        -------
        model
            Turns features (n, f) into probabilities (n, q).
        """
        if not labels.shape[1]:
            return lambda rows: np.empty((len(rows), 0))
        from scipy.special import expit
        from torch.nn.functional import binary_cross_entropy_with_logits

        log_odds = self._fit(features, labels, weights, binary_cross_entropy_with_logits, seed)
        return lambda rows: expit(log_odds(rows))

    def regress(self, features: Array, targets: Array, *, weights: Array | None = None, seed: int) -> Model:
        """Learn the means of ``targets`` (n,) given ``features`` (n, f), by least squares with ``weights`` (n,)."""
        shift, scale = float(targets.mean()), float(targets.std()) or 1.0
        means = self._fit(features, ((targets - shift) / scale)[:, None], weights, _squares, seed)
        return lambda rows: shift + scale * means(rows)[:, 0]

    def _fit(
        self, features: Array, targets: NDArray[Any], weights: Array | None, loss: Callable[..., Tensor], seed: int
    ) -> Model:
        """Train the members to have little ``loss``; what is given back averages what they say."""
        import torch

        prepare = standardised().fit(features)
        x = torch.from_numpy(prepare.transform(features).astype(np.float32))
        y, counts = torch.from_numpy(targets), torch.ones(len(targets), 1, dtype=torch.float32)
        if weights is not None:  # those of the usual size leave the learning rate and the decay what they are
            counts[:, 0] = torch.from_numpy(weights / weights.mean())
        with one_thread(), _seeded(seed):  # sums in another order would be other networks
            layers = self._layers([x.shape[1], *[self.width] * self.layers, y.shape[1]])
            self._train(layers, x, y, counts, loss)

        def average(rows: Array) -> Array:
            blocks = np.array_split(prepare.transform(rows).astype(np.float32), max(1, -(-len(rows) // _BLOCK)))
            with one_thread(), torch.no_grad():
                said = [_evaluate(layers, torch.from_numpy(block).expand(self.members, -1, -1)) for block in blocks]
                return torch.cat([each.mean(0) for each in said]).numpy().astype(np.float64)

        return average

    def _layers(self, widths: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Draw the members' first weights (k, a, b), half those of He et al. (2015), with biases (k, 1, b) of 0."""
        import torch

        out, last = [], len(widths) - 2
        for number, (a, b) in enumerate(pairwise(widths)):
            spread = _FIRST_WEIGHTS * math.sqrt((1 if number == last else 2) / a)
            weights = torch.randn(self.members, a, b, dtype=torch.float32) * spread
            biases = torch.zeros(self.members, 1, b, dtype=torch.float32)
            out.append((weights.requires_grad_(), biases.requires_grad_()))
        return out

    def _train(
        self, layers: list[tuple[Tensor, Tensor]], x: Tensor, y: Tensor, counts: Tensor, loss: Callable[..., Tensor]
    ) -> None:
        """Train on examples ``x`` (n, f) with targets ``y`` (n, q) that count ``counts`` (n, 1) times.

        Each member has batches of its own.
        """
        import torch

        n = len(x)
        passes = round(self.passes * min(_REPEATED, max(1.0, _MANY / n)))
        batch = min(n, max(_SMALLEST, n * passes // _STEPS))
        rate = self.learning_rate * min(1.0, math.sqrt(batch / _FULL))
        decay, dropout = self.decay * min(_MOST_DECAY, _MANY / n), self.dropout * min(1.0, _MANY / n)
        shrinking = {"params": [weights for weights, _ in layers], "weight_decay": decay}
        others = {"params": [biases for _, biases in layers], "weight_decay": 0.0}
        adam = torch.optim.AdamW([shrinking, others], lr=rate)
        steps = passes * (n // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(adam, rate, steps, pct_start=_WARM_UP)
        for step in range(steps):
            place = step % (n // batch)
            if not place:
                order = torch.stack([torch.randperm(n) for _ in range(self.members)])
            rows = order[:, place * batch : (place + 1) * batch]
            adam.zero_grad()
            loss(_evaluate(layers, x[rows], dropout), y[rows].to(torch.float32), weight=counts[rows]).backward()
            adam.step()
            schedule.step()


def standardised() -> Any:
    """Make the steps of a pipeline that features pass first: missing ones filled in and told, all standardised."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers from ``seed`` inside the block, and go on as if nothing had been behind it."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _squares(said: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Give the mean of squared errors, weighted."""
    from torch.nn.functional import mse_loss

    return (weight * mse_loss(said, wanted, reduction="none")).mean()


def _evaluate(layers: list[tuple[Tensor, Tensor]], rows: Tensor, dropout: float = 0.0) -> Tensor:
    """Evaluate rows (k, n, f) by k members; gives (k, n, q)."""
    import torch
    from torch.nn.functional import silu

    for number, (weights, biases) in enumerate(layers[:-1]):
        said = silu(torch.baddbmm(biases, rows, weights))
        if dropout:
            said = torch.nn.functional.dropout(said, dropout)
        rows = rows + said if number else said
    weights, biases = layers[-1]
    return torch.baddbmm(biases, rows, weights)
