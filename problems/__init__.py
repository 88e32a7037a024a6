"""What is measured: search spaces, objectives, data sets, the network and the true trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from .errors import UnknownName
from .families import digits, fashion, flowers
from .problem import Problem

PROBLEMS: Mapping[str, Callable[[], Problem]] = {"digits": digits, "flowers": flowers, "fashion": fashion}


@cache
def get_problem(name: str) -> Problem:
    """Give the shipped problem called ``name``.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if name not in PROBLEMS:
        raise UnknownName.among("problem", name, PROBLEMS)
    return PROBLEMS[name]()
