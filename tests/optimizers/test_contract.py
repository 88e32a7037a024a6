"""Every optimizer of the catalogue keeps the contract."""

from __future__ import annotations

from functools import partial

import pytest

from bagbench.optimizers import OPTIMIZERS, OptimizerClass
from bagbench.optimizers.sh_emoa import ShEmoa
from bagbench.optimizers.testing import OptimizerContract

EVERY: dict[str, OptimizerClass] = {
    **OPTIMIZERS,
    "sh-emoa, small enough to climb": partial(ShEmoa, mu=4, offspring=8),
}


class TestEveryOptimizer(OptimizerContract):
    @pytest.fixture(params=EVERY)
    def optimizer(self, request: pytest.FixtureRequest) -> OptimizerClass:
        return EVERY[request.param]
