"""Size and cost of the network in closed form, without building it.

Each formula stands here twice, and tests hold both against the real network: layer by layer for one configuration,
which is how one reads it and the fastest for a single query, and vectorised for many configurations, where a width
of 0 makes an absent layer's terms vanish.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .parameters import Value

Numbers = NDArray[np.float64]
Natural = Mapping[str, Numbers]
"""Natural values by name, (n,) each, 0 where inactive: see `Space.natural`."""

CONVOLUTIONS = ("n_conv_0", "n_conv_1", "n_conv_2")
LINEARS = ("n_fc_0", "n_fc_1", "n_fc_2")
_CONVOLUTIONS, _LINEARS = ([names[:depth] for depth in range(4)] for names in (CONVOLUTIONS, LINEARS))  # by depth


@dataclass(frozen=True, slots=True)
class InputShape:
    """Shape of one image, and how many classes there are."""

    channels: int
    side: int
    classes: int


@dataclass(frozen=True, slots=True)
class Log10Params:
    """The known objective ``log10_params``: log10 of the number of trainable parameters."""

    shape: InputShape

    def one(self, config: Mapping[str, Value]) -> float:
        """Evaluate one configuration, given as its active natural values."""
        values: Mapping[str, int] = config  # type: ignore[assignment]
        kernel, depth, shape = values["kernel_size"], values["n_conv_l"], self.shape
        area = kernel * kernel
        extra = 3 if values["batch_norm"] else 1  # bias, scale and shift of a channel
        features, count = shape.channels, 0
        for name in _CONVOLUTIONS[depth]:
            width = values[name]
            count += width * (area * features + extra)
            features = width
        if not values["global_avg_pooling"]:
            side = shape.side >> depth
            features *= side * side
        for name in _LINEARS[values["n_fc_l"]]:
            width = values[name]
            count += width * (features + 1)
            features = width
        return math.log10(count + shape.classes * (features + 1))

    def __call__(self, natural: Natural) -> Numbers:
        """Evaluate many configurations (n,)."""
        c0, c1, c2, f0, f1, f2 = (natural[name] for name in (*CONVOLUTIONS, *LINEARS))
        area, norm = natural["kernel_size"] ** 2, natural["batch_norm"]
        convolutions = area * (self.shape.channels * c0 + c0 * c1 + c1 * c2) + (1 + 2 * norm) * (c0 + c1 + c2)
        linears = _features(natural, self.shape.side) * f0 + f0 + f0 * f1 + f1 + f1 * f2 + f2
        return _log10(convolutions + linears + (_last(f0, f1, f2) + 1) * self.shape.classes)


@dataclass(frozen=True, slots=True)
class Log10Macs:
    """The known objective ``log10_macs``: log10 of the multiply-accumulates of one image's forward pass.

    Convolutions and linear layers count. "Same" convolutions keep the side; every max-pool halves it, rounding down.
    """

    shape: InputShape

    def one(self, config: Mapping[str, Value]) -> float:
        """Evaluate one configuration, given as its active natural values."""
        values = cast(Mapping[str, int], config)
        area = values["kernel_size"] ** 2
        features, side, count = self.shape.channels, self.shape.side, 0
        for name in _CONVOLUTIONS[values["n_conv_l"]]:
            width = values[name]
            count += side * side * area * features * width
            features, side = width, side // 2
        if not values["global_avg_pooling"]:
            features *= side * side
        for name in _LINEARS[values["n_fc_l"]]:
            width = values[name]
            count += features * width
            features = width
        return math.log10(count + self.shape.classes * features)

    def __call__(self, natural: Natural) -> Numbers:
        """Evaluate many configurations (n,)."""
        c0, c1, c2, f0, f1, f2 = (natural[name] for name in (*CONVOLUTIONS, *LINEARS))
        side0, side1, side2 = (self.shape.side >> depth for depth in range(3))
        pixels = side0 * side0 * self.shape.channels * c0 + side1 * side1 * c0 * c1 + side2 * side2 * c1 * c2
        linears = _features(natural, self.shape.side) * f0 + f0 * f1 + f1 * f2
        return _log10(natural["kernel_size"] ** 2 * pixels + linears + _last(f0, f1, f2) * self.shape.classes)


def _features(natural: Natural, side: int) -> Numbers:
    """Count the features that enter the first linear layer: channels times what pooling left of the area."""
    c0, c1, c2 = (natural[name] for name in CONVOLUTIONS)
    one, two, three = (c1 == 0) * c0, (c2 == 0) * c1, c2
    area1, area2, area3 = ((side >> depth) ** 2 for depth in (1, 2, 3))
    pooled = natural["global_avg_pooling"]
    features: Numbers = pooled * (one + two + three) + (1 - pooled) * (one * area1 + two * area2 + three * area3)
    return features


def _last(f0: Numbers, f1: Numbers, f2: Numbers) -> Numbers:
    """Give the width of the last linear layer before the head."""
    return np.where(f2 > 0, f2, np.where(f1 > 0, f1, f0))


def _log10(counts: Numbers) -> Numbers:
    """Take logarithms one by one: numpy's vectorised logarithm may differ from the scalar one in the last bit."""
    return np.fromiter(map(math.log10, counts.tolist()), dtype=np.float64, count=len(counts))
