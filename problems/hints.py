"""Hints: quantities that an expert would look at first, for models that learn a problem's tables.

They are functions of the configuration and say nothing new, but save a model from finding out for itself how numbers
combine: that what matters of a learning rate is how far it moves a network of this width in so many steps. Only
fitting uses them, so they may cost time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shape import CONVOLUTIONS, LINEARS, InputShape, Natural

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NetworkHints:
    """Hints for the seed paper's network.

    Parameters
    ----------
    shape
        Of the images.
    images
        How many there are to train on.
    """

    shape: InputShape
    images: int

    def __call__(self, natural: Natural) -> Numbers:
        """Compute hints (n, 12) of configurations given by `Space.natural`.

        Logarithms of: steps an epoch; narrowest convolution and linear layer; last convolution, last linear layer,
        features between them; then the learning rate times steps, over the root of the batch size, times those
        features, the largest fan-in of a convolution and of a linear layer; and the number of layers.
        """
        rate, batch = np.log(natural["lr_init"]), natural["batch_size"]
        convolutions = np.stack([natural[name] for name in CONVOLUTIONS], axis=1)
        linears = np.stack([natural[name] for name in LINEARS], axis=1)
        depth = natural["n_conv_l"].astype(np.int64)
        steps = np.log(np.ceil(self.images / batch))
        last, last_linear = _last(convolutions), _last(linears)
        side = self.shape.side >> depth
        features = np.log(last * np.where(natural["global_avg_pooling"] > 0, 1, side * side))
        fan_in = np.log(convolutions.max(axis=1) * natural["kernel_size"] ** 2)
        return np.stack(
            [
                steps,
                np.log(_narrowest(convolutions)),
                np.log(_narrowest(linears)),
                np.log(last),
                np.log(last_linear),
                features,
                rate + steps,
                rate - 0.5 * np.log(batch),
                rate + features,
                rate + fan_in,
                rate + np.log(linears.max(axis=1)),
                natural["n_conv_l"] + natural["n_fc_l"],
            ],
            axis=1,
        )


def _last(widths: Numbers) -> Numbers:
    """Give the width (n,) of the last layer there is, of widths (n, layers) that are 0 where there is none."""
    present = (widths > 0).sum(axis=1)
    last: Numbers = widths[np.arange(len(widths)), present - 1]
    return last


def _narrowest(widths: Numbers) -> Numbers:
    """Give the smallest width (n,) of the layers there are."""
    narrowest: Numbers = np.where(widths > 0, widths, np.inf).min(axis=1)
    return narrowest
