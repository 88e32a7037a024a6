"""Kriging: Gaussian processes, by scikit-learn, which know most where runs are few.

Their kernel is Matern's with a length scale for every feature (Rasmussen & Williams 2006, Gaussian Processes for
Machine Learning, chapter 4), so they find out which of the features matter. The work grows with the cube of the number
of runs, and from some thousand runs on trees and perceptrons know as much: larger tables do without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.threads import one_thread
from .perceptrons import Model, standardised

Array = NDArray[np.float64]

_SMOOTHNESS = 1.5
_FIRST_SCALE = 5.0  # of a standardised feature
_FIRST_NOISE = 0.1  # of the outcome's variance
_BLOCK = 4_000  # configurations predicted at once: memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Kriging:
    """How Gaussian processes are fitted, and what they count."""

    share: float = 0.4
    """Of them in the teacher's average, where runs are few."""
    most_runs: int = 2_000
    """Of these and more they learn nothing; their share fades over the last quarter before."""
    runs_for_scales: int = 400
    """A random sample of so many runs chooses length scales, signal and noise, by maximum likelihood."""
    steps: int = 15
    """Of L-BFGS; more of them follow the sample."""

    def share_of(self, runs: int) -> float:
        """Give their share in the average of a teacher of so many runs."""
        return self.share * min(1.0, max(0.0, 4.0 * (1.0 - runs / self.most_runs)))

    def regress(self, features: Array, targets: Array, *, seed: int) -> Model:
        """Learn the means of ``targets`` (n, q) given ``features`` (n, f), NaN where missing.

        All of them with the same kernel, which suits the last.

        Returns
        -------
        model
            Turns features (n, f) into means (n, q).
        """
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        prepare = standardised().fit(features)
        rows = prepare.transform(features)
        chosen = np.random.default_rng([seed, 3]).permutation(len(rows))[: self.runs_for_scales]
        scales = Matern(np.full(rows.shape[1], _FIRST_SCALE), nu=_SMOOTHNESS)
        kernel = ConstantKernel(1.0) * scales + WhiteKernel(_FIRST_NOISE)
        with one_thread():  # sums in another order would be another model
            sample = GaussianProcessRegressor(kernel, optimizer=self._optimise, normalize_y=True)
            kernel = _fitted(sample, rows[chosen], targets[chosen, -1]).kernel_
            model = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(rows, targets)

        def predict(others: Array) -> Array:
            blocks = np.array_split(prepare.transform(others), max(1, -(-len(others) // _BLOCK)))
            with one_thread():
                return np.concatenate([model.predict(block) for block in blocks]).reshape(len(others), -1)

        return predict

    def _optimise(self, function: Callable[..., Any], start: Array, bounds: Array) -> tuple[Array, float]:
        """Take a few steps: scikit-learn's own optimizer would go on until the sample is known by heart."""
        from scipy.optimize import minimize

        found = minimize(function, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": self.steps})
        return found.x, found.fun


def _fitted(model: Any, features: Array, targets: NDArray[Any]) -> Any:
    """Fit ``model`` and give it; that it stopped when it had done what it was told is no warning."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features, targets)
