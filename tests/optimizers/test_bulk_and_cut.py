"""BULK & CUT: phases by count, growth and cuts by arithmetic, parents by probability."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.bulk_and_cut import BulkAndCut, RateModel, bulk_up, cut
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.synthetic import networks, tradeoff
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.families import paper_space
from bagbench.problems.space import Vector

SPACE = paper_space("paper", widths=(16, 1024), neurons=(2, 512), batch_sizes=(1, 512))
PROBLEM = replace(get_problem("digits"), space=SPACE)  # 25 epochs, reference point (100, 7)
RATE = SPACE.index["lr_init"]
REST = {"kernel_size": 5, "lr_init": 0.01, "batch_norm": True, "batch_size": 16, "global_avg_pooling": False}


def network(conv: list[int], fc: list[int]) -> Vector:
    widths = {f"n_conv_{i}": width for i, width in enumerate(conv)} | {f"n_fc_{i}": w for i, w in enumerate(fc)}
    vector = SPACE.encode({**REST, **widths, "n_conv_l": len(conv), "n_fc_l": len(fc)})
    vector.flags.writeable = False
    return vector


def widths(vector: Vector) -> tuple[list[int], list[int]]:
    config = SPACE.decode(vector)
    conv, fc = ([int(config[f"{f}_{i}"]) for i in range(int(config[f"{f}_l"]))] for f in ("n_conv", "n_fc"))
    return conv, fc


def answer(config: Vector, losses: tuple[float, float], epochs: int = 25) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    query = Query(config=config, epochs=epochs)
    return Result(query=query, losses=np.array(losses), seconds=1.0, status=status)


def during(phase: str, results: list[Result]) -> BulkAndCut:
    """Ask until the first bulk-up (14 trials) or slim-down (30) is due, and tell ``results`` alone."""
    search = BulkAndCut(PROBLEM, seed=0)
    for _ in range({"bulk up": 14, "slim down": 30}[phase]):
        search.ask()
    for result in results:
        search.tell(result)
    return search


def test_a_cycle_is_divided_as_the_paper_divides_its_time() -> None:
    """Every network told is as deep as can be but in the first phase, so what an ask does shows in what it gives."""
    search, small = BulkAndCut(PROBLEM, seed=0, cycle=20), network([16], [2])
    search.tell(answer(small, (50.0, 3.0)))
    phases = []
    for _ in range(40):
        conv, fc = widths(search.ask().config)
        grown = (conv, fc) in [([16, 16], [2]), ([16], [2, 2])]
        phases.append("bulk up" if grown else "slim down" if (conv, fc) == ([15], [2]) else "other")
    assert phases.count("bulk up") == 16
    assert phases[:7] == ["other"] * 7
    assert phases[7:15] == phases[27:35] == ["bulk up"] * 8


def test_growth_is_one_layer_as_wide_as_its_neighbour() -> None:
    rng = np.random.default_rng(0)
    found = Counter(str(widths(_grown(network([100, 200], [50]), rng))) for _ in range(600))
    assert set(found) == {
        "([100, 100, 200], [50])",
        "([100, 200, 200], [50])",
        "([100, 200], [50, 50])",
    }
    assert found["([100, 200], [50, 50])"] / 600 == pytest.approx(0.3, abs=0.06)  # convolutions have 0.7


def _grown(vector: Vector, rng: np.random.Generator) -> Vector:
    child = bulk_up(SPACE, vector, rng)
    assert child is not None
    SPACE.check(child[None])
    return child


def test_where_one_kind_is_full_the_other_one_grows_until_both_are() -> None:
    rng = np.random.default_rng(0)
    assert {len(widths(_grown(network([16] * 3, [9]), rng))[1]) for _ in range(50)} == {2}
    assert {len(widths(_grown(network([16], [9] * 3), rng))[0]) for _ in range(50)} == {2}
    assert bulk_up(SPACE, network([16] * 3, [9] * 3), rng) is None


def test_cuts_are_the_stated_fractions_of_each_width() -> None:
    """What a layer puts out is cut as an input of the next: convolution, linear layer, head."""
    rng, parent = np.random.default_rng(0), network([1000, 1000, 1000], [500, 500, 500])
    children = [cut(SPACE, parent, rng) for _ in range(200)]
    SPACE.check(np.array(children))
    left = np.array([[*conv, *fc] for conv, fc in map(widths, children)])
    lost = 1 - left / [1000, 1000, 1000, 500, 500, 500]
    fractions = [(0.09, 0.11), (0.09, 0.11), (0.065, 0.085), (0.065, 0.085), (0.065, 0.085), (0.04, 0.06)]
    for column, (low, high) in zip(lost.T, fractions, strict=True):
        assert low - 0.002 <= column.min() and column.max() <= high
        assert column.mean() == pytest.approx((low + high) / 2, abs=0.003)
        assert column.std() == pytest.approx((high - low) / np.sqrt(24), rel=0.25)  # of a triangle


def test_whole_units_are_cut_and_narrow_layers_stay() -> None:
    rng = np.random.default_rng(0)
    assert {str(widths(cut(SPACE, network([16], [9]), rng))) for _ in range(100)} == {"([16], [9])"}
    assert {widths(cut(SPACE, network([40], [9]), rng))[0][0] for _ in range(100)} == {37, 38}  # 6.5 to 8.5 % of 40


def test_slim_networks_are_cut_from_the_front_those_first_that_were_never_cut() -> None:
    one, other = network([400], [300]), network([800], [200])
    search = during("slim down", [answer(one, (20.0, 5.0)), answer(other, (10.0, 6.0))])
    cuts = [widths(search.ask().config)[0][0] for _ in range(2)]
    assert sorted(width > 400 for width in cuts) == [False, True]  # one child of each


def bulked_parents(results: list[Result]) -> list[int]:
    """Give the width of the first layer, by which they are told apart, of the parents of 320 bulk-ups."""
    widths_of_parents = []
    for seed in range(40):
        search = BulkAndCut(PROBLEM, seed=seed, cycle=20)
        for _ in range(7):
            search.ask()
        for result in results:
            search.tell(result)
        widths_of_parents += [widths(search.ask().config)[0][0] for _ in range(8)]
    return widths_of_parents


def test_parents_are_of_the_first_front_with_probability_085() -> None:
    chain = [answer(network([100 * i], [9]), (10.0 * i, 3.0 + i)) for i in (1, 2, 3)]  # three fronts
    parents = bulked_parents(chain)
    assert parents.count(100) / 320 == pytest.approx(0.85, abs=0.06)
    assert parents.count(300) == 0


def test_to_bulk_up_parents_are_drawn_by_the_square_of_their_gain() -> None:
    # gains 60 and 30 over the reference of 100: 4 to 1
    parents = bulked_parents([answer(network([100], [9]), (40.0, 6.0)), answer(network([200], [9]), (70.0, 5.0))])
    assert parents.count(100) / 320 == pytest.approx(4 / 5, abs=0.06)


def test_full_networks_never_bulk_up_and_without_others_it_draws_at_random() -> None:
    full, search = network([16] * 3, [9] * 3), during("bulk up", [answer(network([16] * 3, [9] * 3), (1.0, 3.0))])
    children = [search.ask().config for _ in range(16)]
    assert not {child.tobytes() for child in children} & {full.tobytes()}
    assert len({str(widths(child)) for child in children}) == 16


def test_the_learning_rate_goes_where_the_confidence_bound_is_lowest() -> None:
    model = RateModel(np.random.default_rng(0))
    for rate in np.linspace(0, 1, 21):
        model.learn(float(rate), [0.5], 100 * (rate - 0.3) ** 2)
    assert model.propose([0.5]) == pytest.approx(0.3, abs=0.05)


def test_the_best_learning_rate_may_depend_on_the_network() -> None:
    model = RateModel(np.random.default_rng(0))
    for rate in np.linspace(0, 1, 15):
        for depth in (0.0, 1.0):
            model.learn(float(rate), [depth], 100 * (rate - 0.2 - 0.6 * depth) ** 2)
    assert model.propose([0.0]) == pytest.approx(0.2, abs=0.07)
    assert model.propose([1.0]) == pytest.approx(0.8, abs=0.07)


def test_the_first_learning_rates_are_random() -> None:
    rates = [RateModel(np.random.default_rng(seed)).propose([]) for seed in range(100)]
    assert np.histogram(rates, bins=4, range=(0, 1))[0].min() > 12


def test_failures_teach_the_model_but_are_no_parents() -> None:
    """Fast rates fail: after the first phase they are avoided."""
    search = BulkAndCut(PROBLEM, seed=0)
    rates = []
    for _ in range(30):
        query = search.ask()
        rates.append(query.config[RATE])
        search.tell(answer(query.config, (np.nan, np.nan) if rates[-1] > 0.5 else (30.0 - 20 * rates[-1], 5.0)))
    assert np.mean(np.array(rates[14:]) > 0.6) < 0.3


def test_everything_is_trained_in_full() -> None:
    results = told(drive(BulkAndCut(networks().problem, seed=0, cycle=20), networks(), trials=40, workers=3))
    assert {result.query.epochs for result in results} == {27}


def test_without_stacks_children_are_neighbours() -> None:
    search = BulkAndCut(tradeoff().problem, seed=0, cycle=20)
    told_first = np.full(6, 0.5)
    search.tell(answer(told_first, (0.1, 1.0), epochs=27))
    children = [search.ask().config for _ in range(20)][7:]
    assert all((child != told_first).sum() == 1 for child in children)


def test_a_cycle_too_short_for_its_phases_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"bulk-and-cut needs a cycle of 20 trials or more, got cycle=19"):
        BulkAndCut(PROBLEM, seed=0, cycle=19)
