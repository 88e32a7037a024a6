"""Every optimizer of the catalogue keeps the contract."""

from __future__ import annotations

from functools import partial

import pytest

from bagbench.optimizers import OPTIMIZERS, OptimizerClass
from bagbench.optimizers.driving import TRIALS
from bagbench.optimizers.sh_emoa import ShEmoa
from bagbench.optimizers.testing import OptimizerContract
from bagbench.optimizers.wrapped_botorch import BotorchQLogNehvi
from bagbench.optimizers.wrapped_optuna import optuna_gp
from bagbench.optimizers.wrapped_smac import SmacParEgo

THINKERS: dict[str, OptimizerClass] = {
    "optuna-gp": partial(optuna_gp, startup=39),
    "botorch-qlognehvi": partial(BotorchQLogNehvi, startup=37, batch=8, samples=8, fit_iterations=10),
    "smac-parego": partial(SmacParEgo, startup=36, retrain_after=12),
}
"""Libraries that think for a second or more about a trial, with options that let them think less often."""

EVERY: dict[str, OptimizerClass] = {
    **{name: optimizer for name, optimizer in OPTIMIZERS.items() if name not in THINKERS},
    "sh-emoa, small enough to climb": partial(ShEmoa, mu=4, offspring=8),
}


class TestEveryOptimizer(OptimizerContract):
    @pytest.fixture(params=EVERY)
    def optimizer(self, request: pytest.FixtureRequest) -> OptimizerClass:
        return EVERY[request.param]


@pytest.mark.slow
class TestEveryThinker(OptimizerContract):
    long_trials = TRIALS

    @pytest.fixture(params=[name for name in THINKERS if name in OPTIMIZERS])
    def optimizer(self, request: pytest.FixtureRequest) -> OptimizerClass:
        return THINKERS[request.param]
