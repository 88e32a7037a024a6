"""Gaussian processes against scikit-learn's, and what hyperparameters are fitted to against finite differences."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from bagbench.optimizers.gaussian_process import (
    GaussianProcess,
    GrowingModel,
    Hyperparameters,
    fit_hyperparameters,
    negative_log_posterior,
)
from bagbench.problems.threads import one_thread

pytestmark = pytest.mark.usefixtures("calm")

Array = NDArray[np.float64]

KNOWN = Hyperparameters(lengthscales=np.array([0.3, 1.0, 4.0]), noise=0.01, signal=2.0, shift=5.0, scale=3.0)


@pytest.fixture
def calm() -> Iterator[None]:
    with one_thread():
        yield


def data(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Values that depend on the first two of three inputs, with noise of standard deviation 0.1."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 3))
    return x, np.sin(6 * x[:, 0]) + x[:, 1] ** 2 + 0.1 * rng.standard_normal(n)


def sklearn_process(x: Array, y: Array) -> GaussianProcessRegressor:
    kernel = ConstantKernel(KNOWN.signal) * Matern(KNOWN.lengthscales, nu=2.5)
    return GaussianProcessRegressor(kernel, alpha=KNOWN.signal * KNOWN.noise, optimizer=None).fit(x, y)


def test_the_posterior_is_scikit_learns() -> None:
    (x, y), (new, _) = data(40), data(25, seed=1)
    mean, spread = GaussianProcess.prior(KNOWN).given(x, y).predict(new)
    expected_mean, expected_spread = sklearn_process(x, (y - KNOWN.shift) / KNOWN.scale).predict(new, return_std=True)
    assert mean == pytest.approx(KNOWN.shift + KNOWN.scale * expected_mean, abs=1e-6)
    assert spread == pytest.approx(KNOWN.scale * expected_spread, abs=1e-6)


def test_observations_may_come_one_by_one_or_all_at_once() -> None:
    (x, y), (new, _) = data(30), data(10, seed=1)
    whole = GaussianProcess.prior(KNOWN).given(x, y)
    parts = GaussianProcess.prior(KNOWN)
    for rows in (slice(0, 1), slice(1, 20), slice(20, 20), slice(20, 30)):
        parts = parts.given(x[rows], y[rows])
    assert len(parts) == len(whole) == 30
    assert np.array(parts.predict(new)) == pytest.approx(np.array(whole.predict(new)), abs=1e-9)


def test_believing_its_own_predictions_leaves_the_mean_and_lowers_the_spread() -> None:
    (x, y), (new, _), (pending, _) = data(20), data(30, seed=1), data(4, seed=2)
    model = GaussianProcess.prior(KNOWN).given(x, y)
    mean, spread = model.predict(new)
    believed_mean, believed_spread = model.given(pending, model.predict(pending)[0]).predict(new)
    assert believed_mean == pytest.approx(mean, abs=1e-9)
    assert (believed_spread < spread + 1e-12).all()
    assert (believed_spread < spread - 1e-3).any()


def test_without_observations_the_prediction_is_the_prior() -> None:
    mean, spread = GaussianProcess.prior(KNOWN).predict(data(2)[0])
    assert mean.tolist() == [5, 5]
    assert spread == pytest.approx([3 * math.sqrt(2)] * 2)


@pytest.mark.parametrize("n", [2, 30])
def test_the_gradient_is_that_of_finite_differences(n: int) -> None:
    x, y = data(n)
    y = (y - y.mean()) / y.std()
    theta = np.array([-1.0, 0.3, 2.0, -3.0])
    _, gradient = negative_log_posterior(theta, x, y)
    for i, step in enumerate(1e-5 * np.eye(4)):
        ahead, behind = (negative_log_posterior(theta + sign * step, x, y)[0] for sign in (1, -1))
        assert gradient[i] == pytest.approx((ahead - behind) / 2e-5, rel=1e-5, abs=1e-6)


def test_the_marginal_likelihood_differs_from_scikit_learns_by_the_priors_alone() -> None:
    """With the signal variance at its mode, for two settings of the lengthscales: priors are added by hand."""
    x, y = data(40)
    y = (y - y.mean()) / y.std()
    ours, theirs = [], []
    for theta in (np.array([-1.0, 0.3, 2.0, -3.0]), np.array([-0.5, 0.0, 1.0, -2.0])):
        mode = np.array([math.sqrt(2) + math.log(3) / 2] * 3 + [-4.0])
        prior = 0.5 * (((theta - mode) / np.array([math.sqrt(3)] * 3 + [1.0])) ** 2).sum()
        correlation = Matern(np.exp(theta[:-1]), nu=2.5)(x) + math.exp(theta[-1]) * np.eye(40)
        signal = (2 + y @ np.linalg.solve(correlation, y)) / 42
        kernel = ConstantKernel(signal) * Matern(np.exp(theta[:-1]), nu=2.5) + WhiteKernel(signal * math.exp(theta[-1]))
        process = GaussianProcessRegressor(kernel, alpha=0, optimizer=None).fit(x, y)
        ours.append(negative_log_posterior(theta, x, y)[0] - prior)
        # the inverse gamma prior of the signal variance, -log p(s) = log(s) + 1 / s, with its weight of 2
        theirs.append(-process.log_marginal_likelihood_value_ + math.log(signal) + 1 / signal)
    assert ours[0] - ours[1] == pytest.approx(theirs[0] - theirs[1], abs=1e-8)


def test_fitting_finds_what_matters_and_how_noisy_it_is() -> None:
    x, y = data(150)
    found = fit_hyperparameters(x, y)
    assert found.lengthscales[0] < found.lengthscales[1] < found.lengthscales[2]
    assert math.sqrt(found.noise * found.signal) * found.scale == pytest.approx(0.1, rel=0.2)
    new, _ = data(200, seed=1)
    mean, _ = GaussianProcess.prior(found).given(x, y).predict(new)
    assert np.abs(mean - np.sin(6 * new[:, 0]) - new[:, 1] ** 2).mean() < 0.06


def test_fitting_does_better_than_where_it_starts() -> None:
    x, y = data(60)
    found = fit_hyperparameters(x, y)
    theta = np.append(np.log(found.lengthscales), math.log(found.noise))
    y = (y - y.mean()) / y.std()
    value, gradient = negative_log_posterior(theta, x, y)
    start = np.array([math.sqrt(2) + math.log(3) / 2] * 3 + [-4.0])
    assert value < negative_log_posterior(start, x, y)[0] - 1
    assert np.abs(gradient).max() < 0.5


@pytest.mark.parametrize("constant", [0.0, 50.0, 1 / 3])
def test_constant_targets_are_predicted_as_they_are(constant: float) -> None:
    x, new = data(12)[0], data(5, seed=1)[0]
    y = np.full(12, constant)
    mean, spread = GaussianProcess.prior(fit_hyperparameters(x, y)).given(x, y).predict(new)
    assert mean == pytest.approx([constant] * 5, abs=1e-9)
    assert np.isfinite(spread).all()


def test_equal_inputs_and_no_inputs_at_all_do_no_harm() -> None:
    x, y = np.repeat(data(4)[0], 5, axis=0), np.arange(20.0)
    mean, _ = GaussianProcess.prior(fit_hyperparameters(x, y)).given(x, y).predict(x)
    assert np.isfinite(mean).all()
    none = np.empty((20, 0))
    mean, _ = GaussianProcess.prior(fit_hyperparameters(none, y)).given(none, y).predict(none[:1])
    assert mean == pytest.approx([9.5], abs=1e-6)


def test_a_growing_model_refits_after_every_fifth_of_growth_and_adds_in_between() -> None:
    x, y = data(60)
    growing = GrowingModel()
    settings = [growing.given(x[:n], y[:n]).hyperparameters for n in range(10, 61)]
    pairs = zip(range(11, 61), settings, settings[1:], strict=False)
    refitted = [n for n, before, after in pairs if before is not after]
    assert refitted == [13, 16, 20, 25, 31, 38, 46, 56]
    model = growing.given(x, y)
    whole = GaussianProcess.prior(model.hyperparameters).given(x, y)
    assert model.predict(x)[0] == pytest.approx(whole.predict(x)[0], abs=1e-8)
