"""Mutation and crossover in a conditional space."""

from __future__ import annotations

import numpy as np
import pytest

from bagbench.optimizers.variation import crossover, mutate
from bagbench.problems import get_problem
from bagbench.problems.space import Space, Vector

Children = list[Vector]


@pytest.fixture
def space() -> Space:
    return get_problem("digits").space


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def shallow(space: Space) -> Vector:
    """A configuration with one layer of each kind."""
    config = {"n_conv_l": 1, "n_conv_0": 8, "n_fc_l": 1, "n_fc_0": 9, "kernel_size": 3, "lr_init": 0.01}
    return space.encode({**config, "batch_norm": True, "batch_size": 16, "global_avg_pooling": False})


def deep(space: Space) -> Vector:
    config = {"n_conv_l": 3, "n_conv_0": 10, "n_conv_1": 20, "n_conv_2": 30, "n_fc_l": 2, "n_fc_0": 40, "n_fc_1": 50}
    config |= {"kernel_size": 7, "batch_size": 200}
    return space.encode({**config, "lr_init": 0.1, "batch_norm": False, "global_avg_pooling": True})


def mutants(space: Space, parent: Vector, rng: np.random.Generator, fraction: float, n: int = 200) -> Children:
    return [mutate(space, parent, fresh, rng, fraction=fraction) for fresh in space.sample_all(rng, n)]


def crossings(space: Space, parent: Vector, partner: Vector, rng: np.random.Generator, n: int = 200) -> Children:
    return [crossover(space, parent, partner, fresh, rng) for fresh in space.sample_all(rng, n)]


def test_children_are_legal(space: Space, rng: np.random.Generator) -> None:
    space.check(np.array(mutants(space, shallow(space), rng, 0.5)))
    space.check(np.array(crossings(space, shallow(space), deep(space), rng)))
    space.check(np.array(crossings(space, deep(space), shallow(space), rng)))


@pytest.mark.parametrize("name", ["n_conv_l", "n_fc_l"])
def test_depth_mutates(space: Space, rng: np.random.Generator, name: str) -> None:
    depths = {space.decode(child)[name] for child in mutants(space, shallow(space), rng, 0.5)}
    assert depths == {1, 2, 3}


def test_depth_recombines(space: Space, rng: np.random.Generator) -> None:
    depths = {space.decode(child)["n_conv_l"] for child in crossings(space, shallow(space), deep(space), rng)}
    assert depths == {1, 3}


def test_mutation_changes_at_most_its_fraction_of_the_active_parameters(space: Space, rng: np.random.Generator) -> None:
    parent = shallow(space)  # 9 active parameters
    for fraction, most in ((0.0, 1), (1 / 3, 3), (1.0, 9)):
        changed = [int((child != parent)[~np.isnan(parent)].sum()) for child in mutants(space, parent, rng, fraction)]
        assert max(changed) == most


def test_crossover_takes_every_value_from_one_of_the_parents_that_has_it(
    space: Space, rng: np.random.Generator
) -> None:
    parent, partner = shallow(space), deep(space)
    for child in crossings(space, parent, partner, rng) + crossings(space, partner, parent, rng):
        inherited = (child == parent) | (child == partner) | np.isnan(child)
        assert inherited[~(np.isnan(parent) & np.isnan(partner))].all()


def test_crossover_takes_half_of_the_values_from_each(space: Space, rng: np.random.Generator) -> None:
    parent, partner = deep(space), shallow(space)
    position = space.index["lr_init"]
    share = np.mean([child[position] == parent[position] for child in crossings(space, parent, partner, rng, 400)])
    assert 0.4 < share < 0.6


def test_parents_stay_as_they_were(space: Space, rng: np.random.Generator) -> None:
    parent, partner = shallow(space), deep(space)
    fresh = space.sample_all(rng, 1)[0]
    for array in (parent, partner, fresh):
        array.flags.writeable = False
    mutate(space, parent, fresh, rng, fraction=1.0)
    crossover(space, parent, partner, fresh, rng)
