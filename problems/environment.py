"""What runs are made with, in words that tables record."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np

from .. import __version__

PRECISIONS = ("float32", "tf32", "bf16")
"""How runs compute: as torch does by default; products of float32 rounded as GPUs like it; or bfloat16 (autocast)."""


def software() -> dict[str, str]:
    """Name the versions of what every run depends on, and the operating system."""
    return {
        "bagbench": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.system(),
    }


def processor() -> str:
    """Name the model of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
