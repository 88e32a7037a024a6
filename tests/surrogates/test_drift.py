"""Drift: what a machine's speed did is taken out of seconds, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench import get_problem
from bagbench.surrogates import drift as module
from bagbench.surrogates.drift import estimate_drift
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.features import Features
from bagbench.surrogates.quality import quality_card

from .conftest import make_table
from .test_paces import FAST, SLOW, made_on

Array = NDArray[np.float64]

N = 600
KINDS = np.full(N, "fast", dtype=object)
DIGESTS = np.array([f"{i:016x}" for i in range(N)], dtype="S16")
STARTED = 1e9 + 2.0 * np.random.default_rng(0).permutation(N)
"""Runs of a table are not in the order in which they were made."""


@pytest.fixture(autouse=True)
def fewer_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TREES", replace(module._TREES, trees=50, learning_rate=0.25))


@pytest.fixture(scope="module")
def rich() -> Array:
    problem = get_problem("digits")
    return Features(problem).rich(problem.space.sample(np.random.default_rng(1), N))


@pytest.fixture(scope="module")
def steady(rich: Array) -> Array:
    """What a machine that never drifts takes: a function of the configuration, and 5 % of noise."""
    filled = np.where(np.isnan(rich), 0.0, rich)
    scaled = (filled - filled.mean(axis=0)) / (filled.std(axis=0) + 1e-9)
    weights = np.random.default_rng(2).standard_normal(scaled.shape[1])
    explained = np.tanh(scaled @ weights / np.linalg.norm(weights))
    return np.asarray(explained + 0.05 * np.random.default_rng(3).standard_normal(N))


def slower(kinds: NDArray[np.object_], started: Array, digests: NDArray[np.bytes_], rich: Array, log: Array) -> Array:
    return estimate_drift(kinds, started, digests, rich, log).slower


def wave(started: Array) -> Array:
    """Slower and faster by 30 % every four minutes."""
    return np.asarray(0.3 * np.sin((started - 1e9) / 240.0 * 2 * np.pi))


def test_a_wave_is_found_and_taken_out(rich: Array, steady: Array) -> None:
    true = wave(STARTED)
    found = slower(KINDS, STARTED, DIGESTS, rich, np.add(steady, true))
    assert np.var(true - found) < 0.1 * np.var(true)
    assert np.median(found) == pytest.approx(0.0, abs=1e-12)


def test_a_steady_machine_has_none(rich: Array, steady: Array) -> None:
    assert not slower(KINDS, STARTED, DIGESTS, rich, steady).any()


def test_each_kind_of_machine_has_its_own(rich: Array, steady: Array) -> None:
    slow = np.arange(N) % 2 == 0
    kinds = np.where(slow, "slow", KINDS)
    true = np.where(slow, wave(STARTED), 0.0)
    found = slower(kinds, STARTED, DIGESTS, rich, np.add(steady, true))
    assert np.var((true - found)[slow]) < 0.2 * np.var(true[slow])
    assert not found[~slow].any()


def test_runs_of_a_noisier_machine_count_less(rich: Array, steady: Array) -> None:
    noisy = np.arange(N) % 2 == 0
    seconds = steady + np.where(noisy, 0.5, 0.0) * np.random.default_rng(4).standard_normal(N)
    weights = estimate_drift(np.where(noisy, "noisy", KINDS), STARTED, DIGESTS, rich, seconds).weights
    assert set(weights[~noisy]) == {1.0}
    assert len(set(weights[noisy])) == 1
    assert 0.05 < weights[noisy][0] < 0.5


def test_runs_that_are_few_or_of_unknown_date_have_none(rich: Array, steady: Array) -> None:
    undated = np.where(np.arange(N) < 450, np.nan, STARTED)
    assert not slower(KINDS, undated, DIGESTS, rich, np.add(steady, wave(STARTED))).any()
    undated = np.where(np.arange(N) < 50, np.nan, STARTED)
    found = slower(KINDS, undated, DIGESTS, rich, np.add(steady, wave(STARTED)))
    assert not found[:50].any()
    assert found[50:].any()


def test_replicates_of_one_configuration_have_none_that_could_be_told(rich: Array) -> None:
    alone = np.repeat(DIGESTS[:1], N)
    assert not slower(KINDS, STARTED, alone, np.repeat(rich[:1], N, axis=0), wave(STARTED)).any()


def test_a_run_says_nothing_of_its_own_drift(rich: Array, steady: Array) -> None:
    """One run that took a thousand times as long is not explained away by itself."""
    plain = np.add(steady, wave(STARTED))
    odd = plain.copy()
    odd[7] += np.log(1000.0)
    usual, found = (slower(KINDS, STARTED, DIGESTS, rich, seconds)[7] for seconds in (plain, odd))
    assert found == pytest.approx(usual, abs=0.1)


def test_examples_and_card_tell_steady_seconds_from_measured_ones() -> None:
    """Two kinds of machine, the larger of which drifts; its steady seconds are what is predicted."""
    table = make_table(300)
    n = len(table)
    started = 1e9 + 2.0 * np.random.default_rng(5).permutation(n)
    slow = np.random.default_rng(6).random(n) < 0.3
    times = np.exp(np.where(slow, np.log(2.0), wave(started)))
    dated = replace(table, runs=replace(table.runs.take(np.arange(n)), started=started))
    examples = read_examples(made_on(dated, [SLOW if each else FAST for each in slow], times))
    np.testing.assert_array_equal(np.isnan(examples.measured), slow)
    truth = np.log(table.runs.curves["train_seconds"].mean(axis=1))
    measured, steady = (examples.measured - truth)[~slow], (examples.values[:, 0, -1] - truth)[~slow]
    assert np.std(steady) < 0.4 * np.std(measured)
    metrics = quality_card(examples, examples.values)["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["train_seconds"]["full_fidelity"]["r2"] == 1.0
    assert 0.5 < metrics["train_seconds as measured"]["full_fidelity"]["r2"] < 0.99


def test_replicates_that_were_made_one_after_another_are_no_drift(rich: Array, steady: Array) -> None:
    """What a configuration has of its own, and no other knows of it, is not the machine's."""
    own = 0.3 * np.random.default_rng(6).standard_normal(N // 2)
    twice = np.tile(np.arange(N // 2), 2)
    started = 1e9 + 2.0 * twice + np.repeat([0.0, 1.0], N // 2)
    noise = 0.02 * np.random.default_rng(7).standard_normal(N)
    assert not slower(KINDS, started, DIGESTS[twice], rich[twice], (steady[: N // 2] + own)[twice] + noise).any()
