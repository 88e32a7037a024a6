"""The seed paper's convolutional network (Guerrero-Viu et al. 2021), built from a configuration."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from .parameters import Value
from .shape import InputShape


def build_network(config: Mapping[str, Value], shape: InputShape) -> nn.Sequential:
    """Build the network; its initial weights come from torch's global generator, so seed that first.

    Repeat ``n_conv_l`` times [conv k x k "same" -> ReLU -> optional batch norm -> max-pool 2]; optional global average
    pooling; flatten; ``n_fc_l`` times [linear -> ReLU]; linear head. Batch norm follows the ReLU, as in the paper's
    code.

    Parameters
    ----------
    config
        Natural values of the active parameters.
    shape
        Of the images; they enter as (n, channels, side, side).
    """
    kernel = int(config["kernel_size"])
    layers: list[nn.Module] = []
    channels, side = shape.channels, shape.side
    for depth in range(int(config["n_conv_l"])):
        width = int(config[f"n_conv_{depth}"])
        layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.ReLU()]
        if config["batch_norm"]:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.MaxPool2d(2))
        channels, side = width, side // 2
    if config["global_avg_pooling"]:
        layers.append(nn.AdaptiveAvgPool2d(1))
        side = 1
    layers.append(nn.Flatten())
    features = channels * side * side
    for depth in range(int(config["n_fc_l"])):
        width = int(config[f"n_fc_{depth}"])
        layers += [nn.Linear(features, width), nn.ReLU()]
        features = width
    layers.append(nn.Linear(features, shape.classes))
    return nn.Sequential(*layers)


def largest_map(config: Mapping[str, Value], shape: InputShape) -> int:
    """Count the numbers in the largest feature map of one image: a forward pass holds a few of this size at once."""
    widths = (int(config[f"n_conv_{depth}"]) for depth in range(int(config["n_conv_l"])))
    return max(width * (shape.side >> depth) ** 2 for depth, width in enumerate(widths))
