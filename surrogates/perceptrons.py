"""Multilayer perceptrons, by scikit-learn: smooth where trees have steps, and all outputs at once.

Features are standardised; a missing one takes the mean, and a column tells that it was missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.threads import one_thread

Array = NDArray[np.float64]
Model = Callable[[Array], Array]

_MANY = 5_000
_REPEATED = 2.5  # times as often at most: that of 2,000 examples; fewer are known by then, noise and all
_STEPS = 4_000  # of Adam, at most: larger tables take larger batches
_LEAST = 1e-5  # probability that is told from none


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceptrons:
    """How they are trained; several with other seeds are averaged."""

    members: int = 8
    hidden: tuple[int, ...] = (64, 64)
    passes: int = 40
    """Through the examples of a table of `_MANY` or more; smaller ones take up to `_REPEATED` times as many."""
    learning_rate: float = 0.002
    penalty: float = 0.1
    """On the squares of the weights."""

    def classify(self, features: Array, labels: NDArray[np.bool_], *, seed: int) -> Model:
        """Learn the probabilities of ``labels`` (n, q) given ``features`` (n, f).

        The members' odds are averaged, on a log scale: a probability of one in a thousand is not to be drowned by a
        member that says one in twenty (logarithmic opinion pool: Genest & Zidek 1986).

        Returns
        -------
        model
            Turns features (n, f) into probabilities (n, q).
        """
        from sklearn.neural_network import MLPClassifier

        outputs = labels.shape[1]
        if not outputs:
            return lambda rows: np.empty((len(rows), 0))
        doubled = np.concatenate([labels, labels[:, :1]], axis=1)  # with a single column it would be another problem
        networks = self._fit(MLPClassifier, features, doubled, seed)
        odds = [_log_odds(network.predict_proba) for network in networks]
        return lambda rows: _probabilities(_averaged(odds, rows)[:, :outputs])

    def regress(self, features: Array, targets: Array, *, seed: int) -> Model:
        """Learn the means of ``targets`` (n,) given ``features`` (n, f), by least squares."""
        from sklearn.neural_network import MLPRegressor

        shift, scale = float(targets.mean()), float(targets.std()) or 1.0
        networks = self._fit(MLPRegressor, features, (targets - shift) / scale, seed)
        return lambda rows: shift + scale * _averaged([network.predict for network in networks], rows)

    def _fit(self, kind: Callable[..., Any], features: Array, targets: NDArray[Any], seed: int) -> list[Any]:
        from sklearn.pipeline import make_pipeline

        n, networks = len(features), []
        passes = round(self.passes * min(_REPEATED, max(1.0, _MANY / n)))
        with one_thread():  # sums in another order would be other networks
            for member in range(self.members):
                network = kind(
                    hidden_layer_sizes=self.hidden,
                    alpha=self.penalty,
                    learning_rate_init=self.learning_rate,
                    batch_size=min(n, max(64, n * passes // _STEPS)),
                    max_iter=passes,
                    tol=0.0,
                    n_iter_no_change=passes,
                    random_state=seed + member,
                )
                networks.append(fitted(make_pipeline(*standardised(), network), features, targets))
        return networks


def standardised() -> Any:
    """Make the steps of a pipeline that features pass first: missing ones filled in and told, all standardised."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())


def fitted(model: Any, features: Array, targets: NDArray[Any]) -> Any:
    """Fit ``model`` and give it; that it stopped when it had done what it was told is no warning."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features, targets)


def _averaged(predictors: list[Model], rows: Array) -> Array:
    with one_thread():
        total = predictors[0](rows)
        for predict in predictors[1:]:  # one at a time: of many rows each takes half a gigabyte
            total += predict(rows)
    return total / len(predictors)


def _log_odds(predict: Model) -> Model:
    def log_odds(rows: Array) -> Array:
        likely = np.clip(predict(rows), _LEAST, 1.0 - _LEAST)
        odds: Array = np.log(likely / (1.0 - likely))
        return odds

    return log_odds


def _probabilities(log_odds: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-log_odds))
