"""Closed forms of size and cost against the real network, hundreds of times."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.shape import InputShape, Log10Macs, Log10Params

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    "shape", [InputShape(channels=1, side=8, classes=10), InputShape(channels=3, side=16, classes=17)]
)
def test_parameters_and_operations_are_those_of_the_network(shape: InputShape) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from bagbench.problems.network import build_network

    space = get_problem("digits").space
    vectors = space.sample(np.random.default_rng(0), 150)
    natural = space.natural(vectors)
    params, macs = Log10Params(shape), Log10Macs(shape)
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
