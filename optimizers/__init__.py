"""Who asks: the ask/tell protocol, one file per method, and contract tests for anybody's optimizer."""

from __future__ import annotations

from collections.abc import Mapping

from ..problems.errors import UnknownName
from .catalogue import METHODS, Method, OptimizerClass

OPTIMIZERS: Mapping[str, OptimizerClass] = {name: method.optimizer for name, method in METHODS.items()}

__all__ = ["METHODS", "OPTIMIZERS", "Method", "OptimizerClass", "get_optimizer"]


def get_optimizer(name: str) -> OptimizerClass:
    """Give the optimizer called ``name``.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if name not in OPTIMIZERS:
        raise UnknownName.among("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
