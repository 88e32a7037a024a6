"""Who asks: the ask/tell protocol, one file per method, and contract tests for anybody's optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from ..problems.errors import MissingExtra, UnknownName
from .catalogue import METHODS, Method, OptimizerClass

OPTIMIZERS: Mapping[str, OptimizerClass] = {
    name: method.optimizer for name, method in METHODS.items() if all(map(find_spec, method.packages))
}
"""Every method whose packages are installed."""

__all__ = ["METHODS", "OPTIMIZERS", "Method", "OptimizerClass", "get_optimizer"]


def get_optimizer(name: str) -> OptimizerClass:
    """Give the optimizer called ``name``.

    Raises
    ------
    UnknownName
        If there is none.
    MissingExtra
        If it wraps a library that is not installed.
    """
    if name not in OPTIMIZERS:
        if name in METHODS:
            method = METHODS[name]
            missing = next(package for package in method.packages if find_spec(package) is None)
            raise MissingExtra.for_package(missing, method.extra, f"the optimizer {name!r}")
        raise UnknownName.among("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
