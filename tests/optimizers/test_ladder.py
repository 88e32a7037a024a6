"""Ladders of epochs against ladders written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bagbench.optimizers.ladder import epoch_ladder
from bagbench.optimizers.synthetic import networks
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.problem import Problem


def problem(min_epochs: int, max_epochs: int) -> Problem:
    return replace(networks().problem, min_epochs=min_epochs, max_epochs=max_epochs)


def test_the_seed_papers_ladder_uses_its_nominal_minimum() -> None:
    assert epoch_ladder(problem(1, 25)) == (5, 11, 25)  # published: 7, 13, 25, although the minimum is 5


@pytest.mark.parametrize(
    ("lowest", "highest", "eta", "rungs"),
    [
        (1, 27, 3, (1, 3, 9, 27)),
        (1, 16, 2, (1, 2, 4, 8, 16)),
        (4, 108, 3, (4, 12, 36, 108)),
        (25, 25, 2, (25,)),
        (1, 1, 2, (1,)),
        (20, 25, 4, (20, 25)),
        (1, 3, 1.01, (1, 2, 3)),
    ],
)
def test_ladders_by_hand(lowest: int, highest: int, eta: float, rungs: tuple[int, ...]) -> None:
    assert epoch_ladder(problem(1, highest), min_epochs=lowest, eta=eta) == rungs


def test_the_default_lowest_rung_is_a_fidelity_of_the_problem() -> None:
    assert epoch_ladder(problem(4, 10))[0] == 4
    assert epoch_ladder(problem(1, 2))[0] == 1


def test_a_factor_of_one_climbs_nowhere() -> None:
    with pytest.raises(InvalidArgument, match=r"eta, the factor between rungs, must be above 1, got 1"):
        epoch_ladder(problem(1, 27), eta=1)


def test_a_lowest_rung_outside_the_fidelities_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"whole number in \[1, 27\], got 28"):
        epoch_ladder(problem(1, 27), min_epochs=28)
