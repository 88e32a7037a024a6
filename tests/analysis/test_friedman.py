"""The Friedman test and Nemenyi's critical difference, against the article that brought them to machine learning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from bagbench.analysis.friedman import critical_difference, friedman

DEMSAR = {
    "c45": (0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957),
    "c45_m": (0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978),
    "c45_cf": (0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.97501, 0.946),
    "c45_m_cf": (0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970),
}
"""Areas under the curve of four classifiers on 14 data sets: Demsar 2006, JMLR 7, table 6.

The last but one of c45_cf is printed as 0.975, but ranked before the equal one of c45_m_cf.
"""

QUANTILES = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
"""The same, table 5a: q at 0.05 for 2 to 10 classifiers."""


def by_seed(columns: dict[str, tuple[float, ...]]) -> dict[str, dict[int, float]]:
    return {name: dict(enumerate(values)) for name, values in columns.items()}


def test_the_articles_example_comes_out_as_in_the_article() -> None:
    result = friedman(by_seed(DEMSAR))
    assert result is not None and result.seeds == 14
    ranks = {name: round(rank, 3) for name, rank in result.average_ranks.items()}
    assert list(ranks.items()) == [("c45_m_cf", 1.964), ("c45_m", 2.0), ("c45_cf", 2.893), ("c45", 3.143)]
    # the article: chi2 = 9.28 with 3 degrees of freedom; ours is corrected for three pairs and a quadruple of ties
    ties = (3 * (2**3 - 2) + (4**3 - 4)) / (14 * (4**3 - 4))
    assert result.p_value == pytest.approx(chi2.sf(9.28 / (1 - ties), 3), rel=0.005)
    assert result.critical_difference == pytest.approx(1.25, abs=0.005)
    # the article: Nemenyi's test finds no pair, the largest difference being 3.143 - 1.964 = 1.18
    assert result.groups == (("c45_m_cf", "c45_m", "c45_cf", "c45"),)


@pytest.mark.parametrize(("classifiers", "quantile"), [*enumerate(QUANTILES, start=2)])
def test_critical_differences_are_those_of_the_published_quantiles(classifiers: int, quantile: float) -> None:
    expected = quantile * np.sqrt(classifiers * (classifiers + 1) / (6 * 30))
    assert critical_difference(classifiers, 30) == pytest.approx(expected, abs=0.0005)


def test_the_p_value_without_ties_is_that_of_friedmans_own_formula() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(5, 12)) + np.arange(5)[:, None] / 3
    result = friedman(by_seed({str(row): tuple(line) for row, line in enumerate(values.tolist())}))
    assert result is not None
    ranks = np.array(list(result.average_ranks.values()))
    statistic = 12 * 12 / (5 * 6) * ((ranks**2).sum() - 5 * 6**2 / 4)  # Friedman 1937
    assert result.p_value == pytest.approx(chi2.sf(statistic, 4))


def test_groups_are_the_largest_runs_within_the_critical_difference() -> None:
    # seven seeds; ranks 1, 2 and 3 of four optimizers swap between neighbours, the last one is always last
    orders = ["abcd", "bacd", "acbd", "abcd", "bacd", "acbd", "abcd"] * 3
    scores = {name: {seed: -float(order.index(name)) for seed, order in enumerate(orders)} for name in "dcba"}
    result = friedman(scores)
    assert result is not None
    average = {name: float(np.mean([order.index(name) + 1 for order in orders])) for name in "abcd"}
    assert result.average_ranks == pytest.approx(average)
    width = result.critical_difference
    pairs = {(x, y) for x in "abcd" for y in "abcd" if x < y and average[y] - average[x] < width}
    found = {(x, y) for group in result.groups for x in group for y in group if x < y}
    assert found == pairs and ("c", "d") not in pairs and ("a", "b") in pairs
    assert not any(set(a) < set(b) for a in result.groups for b in result.groups)
    assert result.sentence.startswith(f"Average ranks that differ by {width:.2f} or more differ significantly")


def test_groups_may_overlap() -> None:
    # three optimizers in a row: neighbours are less than the critical difference apart, the ends are more
    orders = ["abc"] * 9 + ["bac"] * 3 + ["acb"] * 3
    result = friedman({name: {seed: -float(order.index(name)) for seed, order in enumerate(orders)} for name in "abc"})
    assert result is not None and result.critical_difference == pytest.approx(2.343 * np.sqrt(12 / 90), abs=1e-3)
    assert result.average_ranks == pytest.approx({"a": 1.2, "b": 2.0, "c": 2.8})
    assert result.groups == (("a", "b"), ("b", "c"))


def test_without_a_difference_everybody_is_in_one_group() -> None:
    equal = friedman({name: dict.fromkeys(range(5), 1.0) for name in "abc"})
    assert equal is not None and equal.p_value == 1.0 and equal.groups == (("a", "b", "c"),)
    assert equal.sentence == "3 optimizers together show no difference (Friedman test over 5 seeds, p = 1)"


def test_only_common_seeds_count() -> None:
    scores = by_seed(DEMSAR)
    del scores["c45"][0]
    result, shorter = friedman(scores), friedman({name: dict(list(s.items())[-13:]) for name, s in scores.items()})
    assert result == shorter and result is not None and result.seeds == 13


def test_two_optimizers_or_one_seed_are_nothing_to_test() -> None:
    assert friedman({"a": {0: 1.0, 1: 2.0}, "b": {0: 1.0, 1: 2.0}}) is None
    assert friedman({name: {0: 1.0} for name in "abc"}) is None
    assert friedman({}) is None
