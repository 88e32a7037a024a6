"""Novelty: where nothing is continuous, trials are spent on what nobody has seen."""

from __future__ import annotations

import pytest

from bagbench.optimizers import METHODS
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.synthetic import choices, tiny

BY_NEIGHBOURS = ("lemonade", "bulk-and-cut", "nsga2", "mo-rea", "nash", "sh-emoa", "mo-dehb")


@pytest.mark.parametrize("name", BY_NEIGHBOURS)
def test_no_training_is_spent_twice_while_most_of_a_discrete_space_is_unseen(name: str) -> None:
    benchmark = choices()
    results = told(drive(METHODS[name].optimizer(benchmark.problem, seed=0), benchmark, trials=300))
    trained = {(result.query.config.tobytes(), result.query.epochs) for result in results}
    assert len(trained) == len(results) == 300


@pytest.mark.parametrize("name", BY_NEIGHBOURS)
def test_a_space_that_is_used_up_ends_nothing(name: str) -> None:
    benchmark = tiny()
    results = told(drive(METHODS[name].optimizer(benchmark.problem, seed=0), benchmark, trials=60))
    assert len({result.query.config.tobytes() for result in results}) == 4
