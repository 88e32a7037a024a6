"""The ensemble of networks: its gradient, what it learns, and how much its members disagree."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.ensemble import fit_ensemble, initial_weights, layers, squared_error

Array = NDArray[np.float64]


def data(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Two targets in different units, (n, 2), of three inputs."""
    x = np.random.default_rng(seed).random((n, 3))
    return x, np.stack([50 + 30 * np.sin(3 * x[:, 0]) * x[:, 1], 1e-3 * (x[:, 2] - x[:, 0])], axis=1)


def test_the_gradient_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    weights = initial_weights(3, 2, rng) + 0.1 * rng.standard_normal((5, 32 * 6 + 2))
    x, y = rng.random((5, 7, 3)), rng.standard_normal((5, 7, 2))
    _, gradient = squared_error(weights, x, y)
    for j in rng.integers(weights.shape[1], size=40):
        step = np.zeros_like(weights)
        step[:, j] = 1e-6
        ahead, behind = (squared_error(weights + sign * step, x, y)[0] for sign in (1, -1))
        assert gradient[:, j] == pytest.approx((ahead - behind) / 2e-6, rel=1e-4, abs=1e-7)


def test_the_error_is_that_of_a_loop_over_members_and_rows() -> None:
    rng = np.random.default_rng(1)
    weights = initial_weights(3, 2, rng)
    x, y = rng.random((5, 4, 3)), rng.standard_normal((5, 4, 2))
    error, _ = squared_error(weights, x, y)
    first, first_bias, second, second_bias = layers(weights, 3, 2)
    for member in range(5):
        rows = [
            np.maximum(row @ first[member] + first_bias[member, 0], 0) @ second[member] + second_bias[member, 0]
            for row in x[member]
        ]
        assert error[member] == pytest.approx(0.5 * np.mean(np.sum((np.array(rows) - y[member]) ** 2, axis=1)))


def test_it_learns_targets_in_any_unit() -> None:
    (x, y), (new, truth) = data(200), data(200, seed=1)
    mean = fit_ensemble(x, y, np.random.default_rng(0)).predict(new).mean(axis=0)
    assert (np.abs(mean - truth).mean(axis=0) < 0.25 * truth.std(axis=0)).all()


def test_members_differ_most_where_nothing_was_seen() -> None:
    x, y = data(100)
    near = x[:, 0] < 0.5
    ensemble = fit_ensemble(x[near], y[near], np.random.default_rng(0))
    spread = ensemble.predict(x).std(axis=0)[:, 0]
    assert spread[~near].mean() > 2 * spread[near].mean()


def test_the_same_generator_trains_the_same_members_and_another_one_others() -> None:
    x, y = data(20)
    first, again, other = (fit_ensemble(x, y, np.random.default_rng(seed)).predict(x) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).all()


def test_constant_targets_and_no_inputs_do_no_harm() -> None:
    x = data(10)[0]
    predicted = fit_ensemble(x, np.full((10, 1), 50.0), np.random.default_rng(0)).predict(x)
    assert predicted == pytest.approx(np.full((5, 10, 1), 50.0), abs=0.2)
    assert fit_ensemble(x[:, :0], x[:, :1], np.random.default_rng(0)).predict(x[:, :0]).shape == (5, 10, 1)
    assert fit_ensemble(x, x[:, :0], np.random.default_rng(0)).predict(x).shape == (5, 10, 0)
