"""Gaussian process regression, as small as Bayesian optimisation needs it.

A Matern-5/2 kernel with one lengthscale per input (Rasmussen, Williams 2006, eqs. 2.23 to 2.26, 4.17), on standardised
targets. Its hyperparameters maximise the marginal likelihood times priors: those on lengthscales widen with the number
of inputs (Hvarfner, Hellsten, Nardi 2024, arXiv 2402.02229); the signal variance is integrated out in closed form under
an inverse gamma prior, so targets without spread need no special case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .encoding import Features

Targets = NDArray[np.float64]
"""Values of one objective (n,)."""

_ROOT5 = math.sqrt(5)
_SIGNAL_WEIGHT = 2.0  # imaginary observations of variance 1 in the prior of the signal variance
_LOG_LENGTHSCALE_SPREAD = math.sqrt(3)
_LOG_NOISE, _LOG_NOISE_SPREAD = -4.0, 1.0
_LOG_LENGTHSCALE_BOUNDS, _LOG_NOISE_BOUNDS = (-4.0, 7.0), (-12.0, 2.0)
_FITTED = 256  # hyperparameters are learnt from so many trials at most: more change them little, at cubic cost
_ITERATIONS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hyperparameters:
    """What is learnt by maximum likelihood, and stays fixed while observations are added."""

    lengthscales: Features
    """(k,), of the inputs."""
    noise: float
    """Variance of the noise, in units of the signal's."""
    signal: float
    """Variance of the signal, in units of ``scale`` squared."""
    shift: float
    scale: float
    """Mean and standard deviation of the targets."""


def fit_hyperparameters(inputs: Features, targets: Targets, start: Hyperparameters | None = None) -> Hyperparameters:
    """Maximise the posterior density by L-BFGS.

    Parameters
    ----------
    inputs : (n, k) float64
        In the unit cube.
    targets : (n,) float64
    start
        Where to begin, e.g. the last ones; by default the mode of the priors.
    """
    from scipy.optimize import minimize  # a third of a second: not at import

    shift, scale = float(targets.mean()), float(targets.std())
    scale = scale if scale > 1e-12 * abs(shift) else 1.0
    chosen = np.unique(np.linspace(0, len(inputs) - 1, _FITTED).astype(int))
    x, y = inputs[chosen], (targets[chosen] - shift) / scale
    theta = _prior_mode(x.shape[1])
    if start is not None:
        theta = np.append(np.log(start.lengthscales), math.log(start.noise))
    bounds = [_LOG_LENGTHSCALE_BOUNDS] * x.shape[1] + [_LOG_NOISE_BOUNDS]
    options = {"maxiter": _ITERATIONS, "ftol": 1e-6}
    found = minimize(
        negative_log_posterior, theta, args=(x, y), jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    signal = _signal(found.x, x, y)
    return Hyperparameters(
        lengthscales=np.exp(found.x[:-1]), noise=math.exp(found.x[-1]), signal=signal, shift=shift, scale=scale
    )


def _prior_mode(inputs: int) -> Features:
    """Start (k + 1,): logarithms of the lengthscales and the noise; the former as of Hvarfner et al."""
    return np.append(np.full(inputs, math.sqrt(2) + math.log(max(inputs, 1)) / 2), _LOG_NOISE)


def negative_log_posterior(theta: Features, x: Features, y: Targets) -> tuple[float, Features]:
    """Evaluate the objective of `fit_hyperparameters`, up to a constant, and its gradient.

    Parameters
    ----------
    theta : (k + 1,) float64
        Logarithms of the lengthscales and of the noise.
    x : (n, k) float64
    y : (n,) float64
        Standardised.

    Returns
    -------
    value, gradient : float, (k + 1,) float64
    """
    from scipy.linalg.lapack import dpotri

    scaled, noise = x / np.exp(theta[:-1]), math.exp(theta[-1])
    distances = _distances(scaled, scaled)
    decay = np.exp(-_ROOT5 * distances)
    covariance = (1 + _ROOT5 * distances + 5 / 3 * distances**2) * decay
    covariance[np.diag_indices(len(x))] += noise
    factor = _cholesky(covariance)
    lower, _ = dpotri(factor, lower=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    solved = inverse @ y
    signal = (_SIGNAL_WEIGHT + y @ solved) / (len(y) + _SIGNAL_WEIGHT)
    away = (theta - _prior_mode(x.shape[1])) / _spreads(x.shape[1])
    value = (
        0.5 * (len(y) + _SIGNAL_WEIGHT) * math.log(signal) + np.log(np.diag(factor)).sum() + 0.5 * float(away @ away)
    )
    # Derivatives are 0.5 sum_ij (A^-1 - a a^T / signal)_ij dA_ij (Rasmussen, Williams 2006, eq. 5.9). For log
    # lengthscale k, dA_ij = 5/3 (1 + sqrt(5) r) exp(-sqrt(5) r) (x_ik - x_jk)^2, whose sum needs no (n, n, k) array.
    outer = inverse - np.outer(solved, solved) / signal
    weights = outer * (5 / 3) * (1 + _ROOT5 * distances) * decay
    of_lengthscales = weights.sum(axis=1) @ scaled**2 - np.einsum("ik,ik->k", scaled, weights @ scaled)
    gradient = np.append(of_lengthscales, 0.5 * noise * np.trace(outer)) + away / _spreads(x.shape[1])
    return float(value), gradient


def _spreads(inputs: int) -> Features:
    return np.append(np.full(inputs, _LOG_LENGTHSCALE_SPREAD), _LOG_NOISE_SPREAD)


def _signal(theta: Features, x: Features, y: Targets) -> float:
    """Give the signal variance that is most likely given the other hyperparameters."""
    scaled = x / np.exp(theta[:-1])
    whitened = _solve(_cholesky(_matern(scaled, scaled) + math.exp(theta[-1]) * np.eye(len(x))), y)
    return float((_SIGNAL_WEIGHT + whitened @ whitened) / (len(y) + _SIGNAL_WEIGHT))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianProcess:
    """The posterior after ``n`` observations; begin with `GaussianProcess.prior` and add what was seen."""

    hyperparameters: Hyperparameters
    inputs: Features
    """(n, k), divided by the lengthscales."""
    factor: NDArray[np.float64]
    """Lower Cholesky factor L (n, n) of kernel matrix plus noise."""
    whitened: Targets
    """L^-1 y (n,)."""

    @classmethod
    def prior(cls, hyperparameters: Hyperparameters) -> GaussianProcess:
        """Begin without observations."""
        none = np.empty((0, len(hyperparameters.lengthscales)))
        return cls(hyperparameters=hyperparameters, inputs=none, factor=np.empty((0, 0)), whitened=np.empty(0))

    def __len__(self) -> int:
        return len(self.inputs)

    def given(self, inputs: Features, targets: Targets) -> GaussianProcess:
        """Add observations, ``inputs`` (p, k) and ``targets`` (p,), to the factor: O(n^2 p) instead of O(n^3).

        Raises
        ------
        LinAlgError
            If rounding makes the covariance lose its definiteness.
        """
        known = self.hyperparameters
        scaled, y = inputs / known.lengthscales, (targets - known.shift) / known.scale
        left = _solve(self.factor, _matern(self.inputs, scaled))
        rest = _matern(scaled, scaled) + known.noise * np.eye(len(scaled)) - left.T @ left
        corner = _cholesky(rest)
        return replace(
            self,
            inputs=np.concatenate([self.inputs, scaled]),
            factor=np.block([[self.factor, np.zeros(left.shape)], [left.T, corner]]),
            whitened=np.append(self.whitened, _solve(corner, y - left.T @ self.whitened)),
        )

    def predict(self, inputs: Features) -> tuple[Targets, Targets]:
        """Give mean (p,) and standard deviation (p,) of the noiseless values at ``inputs`` (p, k)."""
        known = self.hyperparameters
        left = _solve(self.factor, _matern(self.inputs, inputs / known.lengthscales))
        variance = known.signal * np.maximum(1 - np.einsum("np,np->p", left, left), 0.0)
        return known.shift + known.scale * (left.T @ self.whitened), known.scale * np.sqrt(variance)


class GrowingModel:
    """A Gaussian process of data that only ever grows; its hyperparameters are refitted after every fifth of growth."""

    def __init__(self) -> None:
        self._model: GaussianProcess | None = None
        self._fitted = 0  # observations when hyperparameters were last fitted

    def given(self, inputs: Features, targets: Targets) -> GaussianProcess:
        """Give the posterior after all observations, ``inputs`` (n, k) and ``targets`` (n,), n at least 1."""
        model = self._model
        if model is None or len(inputs) > 1.2 * self._fitted:
            hyperparameters = fit_hyperparameters(inputs, targets, model.hyperparameters if model is not None else None)
            model, self._fitted = GaussianProcess.prior(hyperparameters), len(inputs)
        if len(model) < len(inputs):
            model = model.given(inputs[len(model) :], targets[len(model) :])
        self._model = model
        return model


def _matern(first: Features, second: Features) -> NDArray[np.float64]:
    """Matern-5/2 correlations (n, p) of scaled inputs (n, k) and (p, k)."""
    distances = _ROOT5 * _distances(first, second)
    correlations: NDArray[np.float64] = (1 + distances + distances**2 / 3) * np.exp(-distances)
    return correlations


def _distances(first: Features, second: Features) -> NDArray[np.float64]:
    squares = np.sum(first**2, axis=1)[:, None] + np.sum(second**2, axis=1) - 2 * first @ second.T
    distances: NDArray[np.float64] = np.sqrt(np.maximum(squares, 0.0))
    return distances


def _cholesky(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.cholesky(matrix).astype(np.float64, copy=False)


def _solve(factor: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve with a lower triangular matrix (n, n)."""
    from scipy.linalg import solve_triangular

    solved: NDArray[np.float64] = solve_triangular(factor, right, lower=True, check_finite=False)
    return solved
