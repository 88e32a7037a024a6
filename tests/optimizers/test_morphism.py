"""Network morphisms on configurations: what grows, what shrinks, and by how much."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from bagbench.optimizers import METHODS
from bagbench.optimizers.bulk_and_cut import bulk_up
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.morphism import (
    Stack,
    deepen,
    encode_nearest,
    narrow,
    neighbour,
    nudge,
    stacks,
    widen,
    with_layer,
    without_layer,
)
from bagbench.optimizers.synthetic import networks, perceptrons, tradeoff
from bagbench.problems import get_problem
from bagbench.problems.space import Space, Vector

SPACE = get_problem("digits").space
CONV, FC = stacks(SPACE)
REST = {"kernel_size": 5, "lr_init": 0.01, "batch_norm": True, "batch_size": 16, "global_avg_pooling": False}


def network(conv: list[int], fc: list[int]) -> Vector:
    widths = {f"n_conv_{i}": width for i, width in enumerate(conv)} | {f"n_fc_{i}": w for i, w in enumerate(fc)}
    return SPACE.encode({**REST, **widths, "n_conv_l": len(conv), "n_fc_l": len(fc)})


def widths(vector: Vector, family: str) -> list[int]:
    config = SPACE.decode(vector)
    return [int(config[f"{family}_{i}"]) for i in range(int(config[f"{family}_l"]))]


def children(operator: object, vector: Vector, n: int = 100) -> list[Vector]:
    rng = np.random.default_rng(0)
    found = [operator(SPACE, vector, rng) for _ in range(n)]  # type: ignore[operator]
    assert all(child is not None for child in found)
    SPACE.check(np.array(found))
    return found


def test_stacks_are_found_by_name_and_condition() -> None:
    index = SPACE.index
    assert Stack(index["n_conv_l"], tuple(index[f"n_conv_{i}"] for i in range(3))) == CONV
    assert Stack(index["n_fc_l"], tuple(index[f"n_fc_{i}"] for i in range(3))) == FC
    index = networks().problem.space.index
    assert stacks(networks().problem.space) == (Stack(index["depth"], tuple(index[f"width_{i}"] for i in range(3))),)
    assert stacks(tradeoff().problem.space) == ()


@pytest.mark.parametrize(
    ("names", "kind"),
    [(("w_0", "w_2"), "uniform_int"), (("w_0", "w_1"), "uniform_float"), (("w0", "w1"), "uniform_int")],
)
def test_a_family_with_gaps_a_fractional_depth_or_other_names_is_no_stack(names: tuple[str, str], kind: str) -> None:
    numbers = [{"type": "uniform_int", "name": name, "lower": 1, "upper": 9} for name in names]
    depth = {"type": kind, "name": "depth", "lower": 1, "upper": 3}
    condition = {"type": "GT", "child": names[1], "parent": "depth", "value": 1}
    assert stacks(Space.from_document({"hyperparameters": [depth, *numbers], "conditions": [condition]})) == ()


@pytest.mark.parametrize(("place", "expected"), [(0, [10, 10, 20]), (1, [10, 20, 20])])
def test_a_new_layer_is_as_wide_as_the_one_before_it(place: int, expected: list[int]) -> None:
    child = with_layer(SPACE, network([10, 20], [30]), CONV, place)
    assert child is not None
    assert widths(child, "n_conv") == expected
    assert widths(child, "n_fc") == [30]


def test_deepening_adds_one_layer_anywhere_and_changes_nothing_else() -> None:
    parent = network([10, 20], [30])
    found = {(*widths(c, "n_conv"), *widths(c, "n_fc")) for c in children(deepen, parent)}
    assert found == {(10, 10, 20, 30), (10, 20, 20, 30), (10, 20, 30, 30)}
    rest = [SPACE.index[name] for name in REST]
    assert {child[rest].tobytes() for child in children(deepen, parent)} == {parent[rest].tobytes()}


def test_what_is_as_deep_as_can_be_is_not_deepened() -> None:
    rng = np.random.default_rng(0)
    assert deepen(SPACE, network([4, 5, 6], [7, 8, 9]), rng) is None
    assert with_layer(SPACE, network([4, 5, 6], [7]), CONV, 0) is None
    assert {len(widths(c, "n_fc")) for c in children(deepen, network([4, 5, 6], [7]))} == {2}


def test_taking_a_layer_away_takes_any_one() -> None:
    found = {tuple(widths(c, "n_conv")) for c in children(without_layer, network([10, 20, 30], [5]))}
    assert found == {(10, 20), (10, 30), (20, 30)}
    assert without_layer(SPACE, network([10], [5]), np.random.default_rng(0)) is None


def test_widening_doubles_or_quadruples_one_layer_within_its_range() -> None:
    found = {(*widths(c, "n_conv"), *widths(c, "n_fc")) for c in children(widen, network([10, 50], [30]))}
    assert found == {(20, 50, 30), (40, 50, 30), (10, 100, 30), (10, 128, 30), (10, 50, 60), (10, 50, 120)}
    assert widen(SPACE, network([128], [256]), np.random.default_rng(0)) is None


def test_narrowing_keeps_a_half_or_three_quarters_of_one_layer_within_its_range() -> None:
    found = {(*widths(c, "n_conv"), *widths(c, "n_fc")) for c in children(narrow, network([40], [5]))}
    assert found == {(20, 5), (30, 5), (40, 4)}
    assert narrow(SPACE, network([4], [4]), np.random.default_rng(0)) is None


def test_a_nudge_leaves_the_architecture_alone() -> None:
    parent = network([10, 20], [30])
    changed: set[str] = set()
    for child in children(nudge, parent, 200):
        before, after = SPACE.decode(parent), SPACE.decode(child)
        differing = [name for name in before if before[name] != after[name]]
        assert len(differing) == 1
        changed.update(differing)
    assert changed == set(REST)


def test_a_space_of_nothing_but_architecture_cannot_be_nudged() -> None:
    parameters = [{"type": "uniform_int", "name": name, "lower": 1, "upper": 2} for name in ("depth", "w_0", "w_1")]
    condition = {"type": "EQ", "child": "w_1", "parent": "depth", "value": 2}
    space = Space.from_document({"hyperparameters": parameters, "conditions": [condition]})
    assert nudge(space, space.encode({"depth": 1, "w_0": 1}), np.random.default_rng(0)) is None


def test_where_no_operator_applies_any_neighbour_will_do() -> None:
    space, rng = tradeoff().problem.space, np.random.default_rng(0)
    vector = np.full(6, 0.5)
    assert all((neighbour(space, vector, rng, [deepen, widen]) != vector).sum() == 1 for _ in range(20))


def test_parents_stay_as_they_were() -> None:
    parent = network([10, 20], [30])
    parent.flags.writeable = False
    for operator in (deepen, without_layer, widen, narrow, nudge):
        children(operator, parent, 5)


def test_only_numbers_have_a_nearest_value() -> None:
    config: Mapping[str, object] = SPACE.decode(network([10], [30]))
    assert config["n_conv_0"] == 10
    assert SPACE.parameters[CONV.widths[0]].decode(encode_nearest(SPACE, CONV.widths[0], 10.6)) == 11
    with pytest.raises(TypeError, match="'kernel_size' is not a number"):
        encode_nearest(SPACE, SPACE.index["kernel_size"], 3.0)


def test_a_stack_without_layers_gets_a_first_one() -> None:
    space = perceptrons().problem.space
    empty = space.encode({"layers": 0, "rate": 0.5})
    for operator in (deepen, bulk_up):
        child = operator(space, empty, np.random.default_rng(0))
        assert child is not None
        assert space.decode(child) == {"layers": 1, "rate": 0.5, "units_0": 16}


@pytest.mark.parametrize("name", ["nash", "lemonade", "bulk-and-cut"])
def test_searches_find_their_way_up_from_no_layers(name: str) -> None:
    benchmark = perceptrons()
    results = told(drive(METHODS[name].optimizer(benchmark.problem, seed=0), benchmark, trials=200))
    depths = [benchmark.problem.space.decode(result.query.config)["layers"] for result in results]
    assert {1, 2, 3} <= set(depths)
