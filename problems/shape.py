"""Size and cost of the network in closed form, without building it.

Every function takes natural values by name, as plain numbers (one configuration) or arrays (many), with 0 or nothing
for inactive parameters: a width of 0 makes its layer's terms vanish, so one formula serves all depths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Values = Mapping[str, object]
"""Natural values by name: numbers, or arrays (n,)."""


@dataclass(frozen=True, slots=True)
class InputShape:
    """Shape of one image, and how many classes there are."""

    channels: int
    side: int
    classes: int


def parameter_count(values: Values, shape: InputShape) -> Numbers:
    """Count the trainable parameters.

    Convolutions k*k*in*out + out, batch norms 2*out, linear layers in*out + out, over the layers that are there.
    """
    c0, c1, c2, f0, f1, f2, kernel, norm, gap = _read(values)
    area = kernel * kernel
    convolutions = area * (shape.channels * c0 + c0 * c1 + c1 * c2) + (1 + 2 * norm) * (c0 + c1 + c2)
    flat = _features(c0, c1, c2, gap, shape.side)
    last = f2 + (f2 == 0) * (f1 + (f1 == 0) * f0)
    linear: Numbers = flat * f0 + f0 + f0 * f1 + f1 + f1 * f2 + f2 + last * shape.classes + shape.classes
    return convolutions + linear


def mac_count(values: Values, shape: InputShape) -> Numbers:
    """Count the multiply-accumulate operations of a forward pass of one image through convolutions and linear layers.

    "Same" convolutions keep the side, and every max-pool halves it, rounding down.
    """
    c0, c1, c2, f0, f1, f2, kernel, _, gap = _read(values)
    area = kernel * kernel
    side0, side1, side2 = shape.side, shape.side // 2, shape.side // 4
    convolutions = area * (side0 * side0 * shape.channels * c0 + side1 * side1 * c0 * c1 + side2 * side2 * c1 * c2)
    flat = _features(c0, c1, c2, gap, shape.side)
    last = f2 + (f2 == 0) * (f1 + (f1 == 0) * f0)
    total: Numbers = convolutions + flat * f0 + f0 * f1 + f1 * f2 + last * shape.classes
    return total


def log10_params(values: Values, shape: InputShape) -> Numbers:
    """Give log10 of `parameter_count`."""
    return np.log10(parameter_count(values, shape))


def log10_macs(values: Values, shape: InputShape) -> Numbers:
    """Give log10 of `mac_count`."""
    return np.log10(mac_count(values, shape))


def _read(values: Values) -> tuple[Numbers, ...]:
    get = values.get
    return (
        values["n_conv_0"],
        get("n_conv_1", 0),
        get("n_conv_2", 0),
        values["n_fc_0"],
        get("n_fc_1", 0),
        get("n_fc_2", 0),
        values["kernel_size"],
        values["batch_norm"],
        values["global_avg_pooling"],
    )  # type: ignore[return-value]


def _features(c0: Numbers, c1: Numbers, c2: Numbers, gap: Numbers, side: int) -> Numbers:
    """Count the features that enter the first linear layer: channels times what pooling left of the area."""
    area1, area2, area3 = ((side >> depth) ** 2 for depth in (1, 2, 3))
    one, two, three = (c1 == 0) * c0, (c2 == 0) * c1, c2
    total: Numbers = one + two + three + (1 - gap) * (one * (area1 - 1) + two * (area2 - 1) + three * (area3 - 1))
    return total
