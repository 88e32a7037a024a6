"""Images on the device that trains on them: put there once for all runs of a process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from .datasets import DataSet, Split

Images = tuple[torch.Tensor, torch.Tensor]
"""Images (n, channels, side, side) float32 and their labels (n,) int64, on a device."""


@lru_cache(maxsize=1)
def resident(data: DataSet, device: torch.device) -> tuple[Images, Images]:
    """Put what is trained on and what is scored on the device, once for all runs of this process."""
    return _to_device(data.train, device), _to_device(_together(data.validation, data.test), device)


def _together(first: Split, second: Split) -> Split:
    """Put two splits behind each other, so that one forward pass scores both."""
    return Split(np.concatenate([first.images, second.images]), np.concatenate([first.labels, second.labels]))


def _to_device(split: Split, device: torch.device) -> Images:
    images = torch.from_numpy(split.images).to(device=device).contiguous(memory_format=torch.channels_last)
    return images, torch.from_numpy(split.labels).to(device=device)
