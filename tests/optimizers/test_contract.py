"""Every optimizer of the catalogue keeps the contract."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bagbench.optimizers import OPTIMIZERS, OptimizerClass
from bagbench.optimizers.driving import TRIALS
from bagbench.optimizers.sh_emoa import ShEmoa
from bagbench.optimizers.testing import OptimizerContract
from bagbench.optimizers.wrapped_botorch import BotorchQLogNehvi
from bagbench.optimizers.wrapped_optuna import OptunaStudy, optuna_gp
from bagbench.optimizers.wrapped_smac import SmacParEgo
from bagbench.problems.problem import Problem


def hasty_optuna_gp(problem: Problem, *, seed: int) -> OptunaStudy:
    """Build `optuna_gp` with few samples and a short search, for which Optuna has no public options."""
    search = optuna_gp(problem, seed=seed, startup=39)
    sampler: Any = search._study.sampler
    sampler._n_local_search, sampler._n_preliminary_samples = 2, 128
    sampler._n_qmc_samples_ehvi = sampler._n_qmc_samples_qei = 8
    return search


THINKERS: dict[str, OptimizerClass] = {
    "optuna-gp": hasty_optuna_gp,
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
