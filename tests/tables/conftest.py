"""Made-up runs, so that most tests need no training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.record import CURVES
from bagbench.problems.space import Vector
from bagbench.tables.runs import Entry

MakeEntry = Callable[..., Entry]


@pytest.fixture(scope="session")
def make_entry() -> MakeEntry:
    """Give a function that makes journal entries of `digits` from a configuration and a seed."""

    def make(vector: Vector, *, seed: int = 0, index: int = 0, epochs: int = 25, status: str = "ok") -> Entry:
        space = get_problem("digits").space
        rng = np.random.default_rng([int(space.digest(vector), 16), seed])
        curves = {name: rng.uniform(0.1, 0.9, size=epochs).tolist() for name in CURVES}
        return {
            "index": index,
            "digest": space.digest(vector),
            "config": space.decode(vector),
            "seed": seed,
            "inclusion_probability": 0.5,
            "status": status,
            "error": "" if status == "ok" else "no memory left",
            "started": 1e9 + index,
            "environment": {"processor": "abacus", "threads": "1"},
            "curves": curves,
        }

    return make
