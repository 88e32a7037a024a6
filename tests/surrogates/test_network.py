"""A network whose sums are never rounded: equal to the last bit in any order, precision and batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bagbench.surrogates.file import MEANS, to_onnx
from bagbench.surrogates.network import MISSING, Network, activation, filled, ramps
from bagbench.surrogates.rounding import rounded
from bagbench.surrogates.serving import Served

WIDTH = 6


def some_features(seed: int, n: int = 300) -> np.ndarray:
    """Draw a switch, a choice of four, a number, another that the switch turns off, a size, and the epoch."""
    rng = np.random.default_rng(seed)
    switch, choice = rng.integers(0, 2, n), rng.integers(0, 4, n)
    optional = np.where(switch == 1, rng.random(n), np.nan)
    columns = [switch, choice, rng.random(n), optional, rng.uniform(-7, -2, n), rng.integers(1, 26, n)]
    return np.column_stack(columns).astype(np.float32)


def some_layers(rng: np.random.Generator, widths: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (rng.normal(size=(a, b)) * 10.0 ** rng.uniform(-3, 2), rng.normal(size=b) * 10.0 ** rng.uniform(-3, 2))
        for a, b in pairwise(widths)
    ]


def some_network(seed: int, hidden: tuple[int, ...] = (40, 30)) -> Network:
    features = some_features(seed)
    first = ramps(features)
    inputs = activation(first(filled(features)))
    return rounded(first, inputs, some_layers(np.random.default_rng(seed), [inputs.shape[1], *hidden, 3]))


def in_doubles(network: Network, features: np.ndarray, order: np.random.Generator) -> np.ndarray:
    """Evaluate in 64 bits, one product after the other, in some order."""
    rows = activation(network.layers[0](filled(features))).astype(np.float64)
    for layer in network.layers[1:]:
        sums = np.zeros((len(rows), len(layer.biases)))
        for unit in order.permutation(rows.shape[1]):
            sums += rows[:, [unit]] * layer.weights[unit].astype(np.float64)
        sums += layer.biases
        rows = sums if layer is network.layers[-1] else np.floor(np.maximum(sums, 0))
    return rows


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_sum_is_rounded_in_any_order_by_any_library(seed: int) -> None:
    network, features = some_network(seed), some_features(seed + 1, 64)
    features[::5, 4] += 1.2  # beyond what was learnt from
    exact = in_doubles(network, features, np.random.default_rng(seed))
    np.testing.assert_array_equal(network.predict(features), exact)
    served = Served(to_onnx({}, WIDTH, network=network), [MEANS], WIDTH, missing=MISSING)
    np.testing.assert_array_equal(served.batch(features), exact)
    np.testing.assert_array_equal([served.rows.evaluate(row) for row in features.tolist()], exact)


def test_partial_sums_fit_into_the_bits_of_a_float32_whatever_is_asked() -> None:
    for seed in range(20):
        network = some_network(seed)
        highest = 1.5 * activation(network.layers[0](filled(some_features(seed)))).max(axis=0).astype(np.float64)
        for layer in network.layers[1:]:
            weights, biases = layer.weights.astype(np.float64), layer.biases.astype(np.float64)
            both = np.vstack([weights, biases])
            grid = 2.0 ** np.floor(np.log2(np.abs(both[both != 0]).min()) - 23)  # surely finer than what they are on
            steps = np.where(both == 0, 0, both / grid).astype(object)
            unit = [np.gcd.reduce([abs(int(step)) for step in column]) * grid for column in steps.T]
            assert (np.abs(weights).T @ highest + np.abs(biases) < 2.0**24 * np.maximum(unit, grid)).all()
            highest = np.floor(np.maximum(np.maximum(weights, 0).T @ highest + biases, 0))


def test_rounding_changes_little() -> None:
    features = some_features(0, 2000)
    first = ramps(features)
    inputs = activation(first(filled(features)))
    rng, spread = np.random.default_rng(0), inputs.std(axis=0)
    widths = [len(spread), 64, 64, 2]
    layers = [(rng.normal(size=(a, b)) / a**0.5, rng.normal(size=b)) for a, b in pairwise(widths)]
    layers[0] = layers[0][0] / spread[:, None], layers[0][1]
    rows = inputs.astype(np.float64)
    for weights, biases in layers[:-1]:
        rows = np.maximum(rows @ weights + biases, 0)
    plain = rows @ layers[-1][0] + layers[-1][1]
    found = rounded(first, inputs, layers).predict(features)
    assert (np.sqrt(np.mean((found - plain) ** 2, axis=0)) < 0.03 * plain.std(axis=0)).all()


@pytest.mark.parametrize("seed", range(5))
def test_weights_make_up_for_what_others_were_rounded_by(seed: int) -> None:
    """Sixty units that say nearly the same, as those of a layer do: six numbers are behind all of them."""
    rng = np.random.default_rng(seed)
    rows = np.floor(np.maximum(rng.normal(size=(4000, 6)) @ rng.normal(0, 100, (6, 60)), 0)).astype(np.float32)
    weights, biases = some_layers(rng, [60, 5])[0]
    sums = np.abs(weights).T @ (1.5 * rows.max(axis=0)) + np.abs(biases)
    unit = 2.0 ** np.ceil(np.log2(sums / 2**24))  # no finer one leaves all sums exact
    seen, unseen = rows[:2000].astype(np.float64), rows[2000:].astype(np.float64)
    layer = rounded(ramps(some_features(0)), rows[:2000], [(weights, biases)]).layers[1]
    by_itself = seen @ (np.round(weights / unit) * unit - weights) + np.round(biases / unit) * unit - biases
    for inputs in (seen, unseen):
        errors = inputs @ (layer.weights - weights) + (layer.biases - biases)
        assert np.sqrt(np.mean(errors**2)) < 0.5 * np.sqrt(np.mean(by_itself**2))


def test_units_that_never_say_anything_do_no_harm() -> None:
    features = some_features(3)
    first = ramps(features)
    inputs = activation(first(filled(features)))
    k = inputs.shape[1]
    never = (-np.ones((k, 2)), np.array([-1.0, -1e-30]))
    network = rounded(first, inputs, [never, (np.full((2, 1), 1e30), np.array([4.0]))])
    assert (network.predict(features) == 4.0).all()


@pytest.mark.parametrize("column", [0, 1])
def test_any_function_of_a_feature_with_few_values_is_linear_in_its_ramps(column: int) -> None:
    features = some_features(1)
    features[::7, column] = np.nan
    values = np.unique(features[:, column])
    alone = np.zeros((len(values), WIDTH), dtype=np.float32)
    alone[:, column] = values
    inputs = activation(ramps(features)(filled(alone)))
    wanted = np.random.default_rng(0).normal(size=len(values))
    matrix = np.column_stack([inputs, np.ones(len(values))])
    np.testing.assert_allclose(matrix @ np.linalg.lstsq(matrix, wanted, rcond=None)[0], wanted, atol=1e-6)


def test_ramps_start_where_features_do_and_the_epochs_are_denser_at_the_beginning() -> None:
    features = some_features(2)
    first = ramps(features)
    slopes = first.weights[first.weights != 0]
    assert (np.log2(slopes) % 1 == 0).all()
    assert ((first.weights != 0).sum(axis=0) == 1).all()
    assert ((first.weights != 0).sum(axis=1) == [1, 3, 1, 2, 1, 8]).all()
    epochs = first.weights[-1] != 0
    starts = -first.biases[epochs] / first.weights[-1, epochs]
    assert starts[0] == 1
    assert (np.diff(starts, 2) > 0).all()
    features[:, 2] = 0.5  # says nothing
    assert not ramps(features).weights[2].any()


def test_what_is_asked_is_not_changed() -> None:
    features = some_features(4)
    before = features.copy()
    network = some_network(4)
    network.predict(features)
    Served(to_onnx({}, WIDTH, network=network), [MEANS], WIDTH, missing=MISSING).batch(features)
    np.testing.assert_array_equal(features, before)


def test_large_batches_are_answered_in_the_order_they_were_asked() -> None:
    network, features = some_network(5), some_features(6, 70_000)
    whole = network.predict(features)
    assert network.predict(features[:0]).shape == (0, 3)
    np.testing.assert_array_equal(whole[65_000:66_000], network.predict(features[65_000:66_000]))
    served = Served(to_onnx({}, WIDTH, network=network), [MEANS], WIDTH, columns=[2, 0], missing=MISSING)
    np.testing.assert_array_equal(served.batch(features), whole[:, [2, 0]])
