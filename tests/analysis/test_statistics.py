"""Statistics against hand-computed answers, scipy and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bagbench.analysis.statistics import (
    average_ranks,
    compare,
    compare_with,
    favoured,
    few_seeds_warning,
    holm,
    log_times,
    median_interval,
    quartiles,
    seeds_needed,
    spread,
    vargha_delaney,
    wilcoxon,
)
from bagbench.problems.errors import InvalidArgument, UnknownName


def test_spread_of_five_numbers() -> None:
    result = spread(np.array([4.0, 1.0, 3.0, 2.0, 5.0]))
    assert (result.count, result.lower, result.median, result.upper, result.mean) == (5, 2.0, 3.0, 4.0, 3.0)
    assert result.standard_error == pytest.approx(np.sqrt(2.5 / 5))


def test_one_seed_has_no_standard_error() -> None:
    one = spread(np.array([1.0]))
    assert np.isnan(one.standard_error) and np.isnan(one.interval).all()


def test_interval_of_the_median_has_the_bounds_of_the_exact_bootstrap() -> None:
    # The median of a resample of an odd number of scores is at most the k-th of them if at least half of the draws
    # are: a binomial tail (Efron 1979, section 3).
    count, scores = 19, np.sort(np.random.default_rng(1).normal(size=19))
    below = stats.binom.sf(count // 2, count, np.arange(1, count + 1) / count)
    expected = scores[np.searchsorted(below, 0.025)], scores[np.searchsorted(below, 0.975)]
    assert median_interval(np.random.default_rng(2).permutation(scores)) == expected


def test_interval_of_the_median_is_that_of_scipy() -> None:
    scores = np.random.default_rng(5).exponential(size=40)
    theirs = stats.bootstrap((scores,), np.median, method="percentile", rng=np.random.default_rng(0))
    assert median_interval(scores) == pytest.approx(theirs.confidence_interval, abs=0.05 * scores.std())


def test_interval_of_the_median_is_the_same_every_time_and_bears_infinite_scores() -> None:
    scores = np.array([1.0, 2.0, np.inf, 4.0, 3.0])
    assert median_interval(scores) == median_interval(scores) == (1.0, np.inf)


def test_vargha_delaney_counts_wins_and_half_of_ties() -> None:
    assert vargha_delaney(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == (3 + 0.5) / 4


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_vargha_delaney_of_both_directions_sums_to_one(a: list[int], b: list[int]) -> None:
    first, second = np.array(a, dtype=float), np.array(b, dtype=float)
    assert vargha_delaney(first, second) + vargha_delaney(second, first) == pytest.approx(1.0)


def test_wilcoxon_of_a_clean_sweep_is_the_smallest_possible() -> None:
    assert wilcoxon(np.arange(1.0, 7.0), np.zeros(6)) == pytest.approx(2 / 2**6)


def test_wilcoxon_of_equal_scores_is_one() -> None:
    assert wilcoxon(np.ones(8), np.ones(8)) == 1.0


def test_holm_by_hand() -> None:
    # sorted .01 .02 .04 times 3 2 1 = .03 .04 .04
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_clear_winner_is_said_to_win() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=20)
    better = {seed: 10.0 + noise[seed] for seed in range(20)}
    worse = {seed: better[seed] - 1.0 - 0.1 * seed for seed in range(20)}
    worse[3] = better[3] + 0.5
    (result,) = compare({"sh-emoa": better, "random-search": worse})
    assert result.sentence == "sh-emoa beats random-search in 19 of 20 seeds"
    assert result.conclusive and result.a12 > 0.5


def test_a_narrow_lead_is_not_called_a_victory() -> None:
    (result,) = compare({"a": {0: 2.0, 1: 2.0, 2: 1.0}, "b": {0: 1.0, 1: 1.0, 2: 3.0}})
    assert result.sentence == "a and b cannot be told apart: the first is ahead in 2 of 3 seeds"
    assert not result.conclusive


def test_equals_cannot_be_told_apart() -> None:
    (result,) = compare({"a": {0: 1.0, 1: 2.0}, "b": {0: 1.0, 1: 3.0}})
    assert result.sentence == "a and b cannot be told apart: the first is ahead in 0 of 2 seeds, with 1 tied"


def test_the_test_says_whom_it_favours_not_the_number_of_wins() -> None:
    # 16 wins by a hair and 14 clear losses: the signed ranks favour b
    rng = np.random.default_rng(0)
    b = np.sort(rng.normal(400, 20, 30))
    a = b + np.concatenate([-np.linspace(5, 30, 14), np.linspace(0.1, 1, 16)])
    (result,) = compare({"a": dict(enumerate(a.tolist())), "b": dict(enumerate(b.tolist()))})
    assert (result.wins, result.losses) == (16, 14)
    assert result.p_value < 0.05 and stats.wilcoxon(a, b, alternative="less").pvalue < 0.025
    assert result.reversed and not result.conclusive
    assert result.sentence == "b beats a in 14 of 30 seeds"
    assert favoured(b, a) == 1 and favoured(a, a) == 0


def test_a_median_that_points_the_other_way_is_no_victory() -> None:
    # a has the larger median of all seeds, but b is better wherever they meet
    a = {seed: float(seed) if seed < 8 else 100.0 for seed in range(20)}
    b = {seed: 1.1 * seed + 1 for seed in range(8)}
    (result,) = compare({"a": a, "b": b})
    assert result.p_value < 0.05 and not result.conclusive
    assert result.sentence == "b beats a in 8 of 8 seeds"


def test_only_common_seeds_are_compared() -> None:
    (result,) = compare({"a": {0: 2.0, 1: 2.0}, "b": {1: 1.0, 2: 1.0}})
    assert (result.seeds, result.wins) == (1, 1)


def test_without_a_common_seed_there_is_no_comparison_and_with_a_baseline_it_is_refused() -> None:
    scores = {"a": {0: 1.0, 1: 2.0}, "b": {1: 1.0}, "c": {0: 3.0}}
    assert [(pair.first, pair.second) for pair in compare(scores)] == [("a", "b"), ("a", "c")]
    with pytest.raises(InvalidArgument, match="b and c have no seed in common: race both with the same seeds"):
        compare_with(scores, "c")


@pytest.mark.parametrize("infinite", range(6))
def test_quartiles_know_infinity(infinite: int) -> None:
    inf, finite = float("inf"), [0.1, 0.25, 0.3, 0.7, 0.8]
    scores = np.array(finite[: 5 - infinite] + [inf] * infinite)
    if not infinite:
        assert quartiles(scores) == tuple(np.quantile(scores, [0.25, 0.5, 0.75]).tolist())
    else:
        large = np.where(np.isinf(scores), 1e9, scores)  # infinity is what ever larger numbers tend to
        told = [value if value < 1e6 else inf for value in np.quantile(large, [0.25, 0.5, 0.75]).tolist()]
        assert quartiles(scores) == tuple(told)
    assert spread(scores).median == np.median(scores)


@pytest.mark.parametrize("pairs", [1, 3, 10])
def test_seeds_needed_is_where_a_clean_sweep_becomes_significant(pairs: int) -> None:
    for seeds in (seeds_needed(pairs) - 1, seeds_needed(pairs)):
        best = holm([wilcoxon(np.arange(1.0, seeds + 1), np.zeros(seeds))] * pairs)[0]
        assert (best < 0.05) == (seeds >= seeds_needed(pairs))


def test_too_few_seeds_are_warned_about() -> None:
    warning = few_seeds_warning(5, 1)
    assert warning is not None and "5 seeds cannot tell luck from skill" in warning and "--seeds 6" in warning
    assert few_seeds_warning(6, 1) is None
    assert few_seeds_warning(1, 0) is None  # a single optimizer is compared with nobody


def test_average_ranks_share_ties_and_average_over_seeds() -> None:
    values = np.array([[[3.0, 0.0], [1.0, 0.0]], [[2.0, 0.0], [2.0, 0.0]], [[1.0, 0.0], [3.0, 0.0]]])  # (3, 2, 2)
    assert average_ranks(values).tolist() == [[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]]
    assert average_ranks(values[:, :1]).tolist() == [[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]]


def test_log_times_keep_both_ends() -> None:
    times = log_times(0.3, 601.7, 50)
    assert (times[0], times[-1]) == (0.3, 601.7)
    np.testing.assert_allclose(np.diff(np.log(times)), np.log(601.7 / 0.3) / 49)


def test_against_a_baseline_only_its_own_comparisons_are_corrected_for() -> None:
    seeds = range(8)
    scores = {
        "good": {seed: 10.0 + seed for seed in seeds},
        "same": {seed: 5.0 + (-1) ** seed for seed in seeds},
        "plain": dict.fromkeys(seeds, 5.0),
        "bad": dict.fromkeys(seeds, 1.0),
    }
    against = compare_with(scores, "plain")
    assert list(against) == ["good", "same", "bad"]
    assert (against["good"].wins, against["bad"].wins, against["same"].wins) == (8, 0, 4)
    sweep = 2 / 2**8
    assert against["good"].p_value == pytest.approx(3 * sweep)  # Holm: the smallest of three
    assert against["bad"].p_value == pytest.approx(3 * sweep)
    assert against["bad"].p_value < 0.05 and not against["bad"].conclusive
    assert against["same"].p_value == 1.0


def test_a_baseline_that_has_not_raced_is_refused() -> None:
    with pytest.raises(UnknownName, match="^unknown optimizer of this experiment 'random'"):
        compare_with({"random-search": {0: 1.0}}, "random")
