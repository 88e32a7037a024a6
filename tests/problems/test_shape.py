"""Closed forms of size and cost against the real network, hundreds of times."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.shape import InputShape, Log10Macs, Log10Params

torch = pytest.importorskip("torch")


SHAPES = {
    "digits": InputShape(channels=1, side=8, classes=10),
    "flowers": InputShape(channels=3, side=16, classes=17),
    "fashion": InputShape(channels=1, side=28, classes=10),
}
every_problem = pytest.mark.parametrize("name", SHAPES)


@every_problem
def test_parameters_and_operations_are_those_of_the_network(name: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from bagbench.problems.network import build_network

    problem, shape = get_problem(name), SHAPES[name]
    space = problem.space
    vectors = space.sample(np.random.default_rng(0), 150)
    natural = space.natural(vectors)
    params, macs = Log10Params(shape), Log10Macs(shape)
    assert problem.known == {"log10_params": params, "log10_macs": macs}
    many_params, many_macs = params(natural), macs(natural)
    image = torch.zeros(1, shape.channels, shape.side, shape.side, device="meta")
    for i, vector in enumerate(vectors):
        config = space.decode(vector)
        with torch.device("meta"):
            network = build_network(config, shape).eval()
        counted = sum(parameter.numel() for parameter in network.parameters())
        assert many_params[i] == params.one(config) == math.log10(counted)
        with FlopCounterMode(display=False) as counter:
            network(image)
        assert many_macs[i] == macs.one(config) == math.log10(counter.get_total_flops() / 2)


@every_problem
def test_largest_feature_map_is_the_networks(name: str) -> None:
    from bagbench.problems.network import build_network, largest_map

    space, shape = get_problem(name).space, SHAPES[name]
    image = torch.zeros(1, shape.channels, shape.side, shape.side, device="meta")
    for vector in space.sample(np.random.default_rng(1), 50):
        config = space.decode(vector)
        with torch.device("meta"):
            network = build_network(config, shape).eval()
        sizes, numbers = [], image
        for layer in network:
            numbers = layer(numbers)
            sizes.append(numbers.numel() if numbers.ndim == 4 else 0)
        assert largest_map(config, shape) == max(sizes)


@every_problem
def test_ideal_and_reference_of_operations_hold_the_whole_space(name: str) -> None:
    problem = get_problem(name)
    vectors = problem.space.sample(np.random.default_rng(2), 20_000)
    found = problem.known["log10_macs"](problem.space.natural(vectors))
    (metric,) = (metric for metric in problem.metrics if metric.name == "log10_macs")
    assert metric.ideal < found.min() < metric.ideal + 1.0
    assert metric.reference - 1.1 < found.max() < metric.reference


def test_smallest_network_by_hand() -> None:
    """One 3x3 convolution of 4 channels on 8x8, pooled to 1: 4 * 9 + 4; linear 4 -> 4: 20; head 4 -> 10: 50."""
    config = {
        "batch_norm": False,
        "batch_size": 4,
        "global_avg_pooling": True,
        "kernel_size": 3,
        "lr_init": 1e-3,
        "n_conv_l": 1,
        "n_conv_0": 4,
        "n_fc_l": 1,
        "n_fc_0": 4,
    }
    shape = InputShape(channels=1, side=8, classes=10)
    assert Log10Params(shape).one(config) == math.log10(40 + 20 + 50)
    assert Log10Macs(shape).one(config) == math.log10(64 * 9 * 4 + 16 + 40)
