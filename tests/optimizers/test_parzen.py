"""Parzen estimators against numerical integration, scipy's truncated normals, and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import truncnorm

from bagbench.optimizers.parzen import ChoiceKernels, GaussianKernels, GridKernels, bandwidths, estimate, legal
from bagbench.problems.declarations import compile_parameter
from bagbench.problems.parameters import Choice, Column, Parameter

OBSERVED = {
    "nothing": np.array([]),
    "one value": np.array([0.25]),
    "both ends": np.array([0.0, 1.0]),
    "one value often": np.full(40, 0.75),
    "many values": np.random.default_rng(0).beta(0.4, 2.0, 150),
}


def parameter(kind: str, lower: float, upper: float, *, log: bool) -> Parameter:
    return compile_parameter({"type": kind, "name": "p", "lower": lower, "upper": upper, "log": log})


CONTINUOUS = {
    "float": parameter("uniform_float", -3.0, 5.0, log=False),
    "log float": parameter("uniform_float", 1e-5, 1.0, log=True),
    "log integer": parameter("uniform_int", 4, 128, log=True),
}
GRIDS = {
    "integer": parameter("uniform_int", 1, 3, log=False),
    "integer of many values": parameter("uniform_int", -20, 100, log=False),
    "ordinal": compile_parameter({"type": "ordinal", "name": "p", "sequence": [0, 1, 2, 5]}),
    "categorical": compile_parameter({"type": "categorical", "name": "p", "choices": ["a", "b", "c", "d", "e"]}),
    "constant": compile_parameter({"type": "constant", "name": "p", "value": 7}),
}


def values_of(countable: Parameter) -> Column:
    """All numbers x of a parameter."""
    last = countable.size - 1 if isinstance(countable, Choice) else 1.0
    return np.unique(countable.snap(np.linspace(0, max(last, 1.0), 1001)))


@pytest.mark.parametrize("observed", OBSERVED)
@pytest.mark.parametrize("kind", CONTINUOUS)
def test_densities_integrate_to_one(kind: str, observed: str) -> None:
    scale = CONTINUOUS[kind]
    kernels = estimate(scale, scale.snap(OBSERVED[observed]))
    x = np.linspace(0, 1, 20_001)
    assert np.trapezoid(np.exp(kernels.log_density(x)), x) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("observed", OBSERVED)
@pytest.mark.parametrize("kind", GRIDS)
def test_probabilities_sum_to_one(kind: str, observed: str) -> None:
    countable = GRIDS[kind]
    values = values_of(countable)
    assert len(values) == countable.size
    seen = countable.from_unit(np.minimum(OBSERVED[observed], 0.999))
    assert np.exp(estimate(countable, seen).log_density(values)).sum() == pytest.approx(1, abs=1e-12)


def test_the_density_is_a_mixture_of_truncated_normals() -> None:
    kernels = GaussianKernels(np.array([0.1, 0.9, 0.2]), low=0.0, high=1.0)
    x = np.linspace(0, 1, 11)
    # sorted with the prior: 0.1, 0.2, 0.5, 0.9; no narrower than a quarter
    widths = {0.1: 0.25, 0.9: 0.4, 0.2: 0.3, 0.5: 1.0}
    parts = [truncnorm.pdf(x, (0 - m) / s, (1 - m) / s, loc=m, scale=s) for m, s in widths.items()]
    assert np.exp(kernels.log_density(x)) == pytest.approx(np.mean(parts, axis=0), rel=1e-12)


def test_every_kernel_has_its_own_bandwidth_and_not_that_of_its_place_in_the_order() -> None:
    """The published code maps widths back with the sorting permutation in place of its inverse."""
    centres = np.array([0.9, 0.05, 0.4, 0.0])
    assert bandwidths(centres, 1.0).tolist() == pytest.approx([0.5, 0.35, 0.5, 0.25])


def test_bandwidths_are_clipped_to_the_hundredth_of_the_range_and_to_the_range() -> None:
    assert bandwidths(np.full(500, 0.3), 2.0).tolist() == [0.02] * 500
    assert bandwidths(np.array([0.3]), 2.0).tolist() == [2.0]


def test_without_observations_integers_are_told_apart_only_by_the_wide_prior() -> None:
    masses = np.exp(GridKernels(np.array([]), size=3, step=0.5).log_density(np.array([0.0, 0.5, 1.0])))
    assert masses[0] == pytest.approx(masses[2])
    assert masses[1] > masses[0]


@pytest.mark.parametrize("size", [3, 10])
def test_the_mass_of_an_integer_is_the_integral_over_its_cell(size: int) -> None:
    """The published code integrates from x + q/2 to x + q/2, so that every integer has the same mass."""
    step = 1 / (size - 1)
    observed = np.array([0.0, 0.0, step, 1.0])
    grid = GridKernels(observed, size=size, step=step)
    density = GaussianKernels(observed, low=-step / 2, high=1 + step / 2)
    for x in np.arange(size) * step:
        expected, _ = quad(lambda u: float(np.exp(density.log_density(np.array([u])))[0]), x - step / 2, x + step / 2)
        assert np.exp(grid.log_density(np.array([x])))[0] == pytest.approx(expected, rel=1e-8)
    assert np.ptp(grid.log_density(np.linspace(0.0, 1.0, size))) > 0.1


def test_choices_have_the_kernels_of_aitchison_and_aitken() -> None:
    kernels = ChoiceKernels(np.array([0.0, 0.0, 2.0]), size=3)
    expected = [(0.9 + 0.9 + 0.05 + 1 / 3) / 4, (0.05 * 3 + 1 / 3) / 4, (0.05 + 0.05 + 0.9 + 1 / 3) / 4]
    assert np.exp(kernels.log_density(np.array([0.0, 1.0, 2.0]))) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [*CONTINUOUS, *GRIDS])
def test_samples_follow_the_density(kind: str) -> None:
    scale = {**CONTINUOUS, **GRIDS}[kind]
    kernels = estimate(scale, scale.from_unit(np.array([0.1, 0.2, 0.2, 0.7])))
    drawn = kernels.sample(np.random.default_rng(0), 20_000)
    if kind in GRIDS:
        values = values_of(scale)
        frequencies = np.array([np.isclose(drawn, x).mean() for x in values])
        probabilities = np.exp(kernels.log_density(values))
    else:
        frequencies = np.histogram(drawn, bins=10, range=(0, 1))[0] / len(drawn)
        fine = (np.arange(1000) + 0.5) / 1000
        probabilities = np.exp(kernels.log_density(fine)).reshape(10, 100).mean(axis=1) / 10
    assert frequencies.sum() == pytest.approx(1)
    assert frequencies == pytest.approx(probabilities, abs=0.012)


@pytest.mark.parametrize("kind", [*CONTINUOUS, *GRIDS])
def test_what_is_drawn_and_rounded_is_a_number_of_the_parameter(kind: str) -> None:
    scale = {**CONTINUOUS, **GRIDS}[kind]
    drawn = estimate(scale, scale.from_unit(np.array([0.0, 0.5, 0.99]))).sample(np.random.default_rng(0), 200)
    for x in drawn.tolist():
        scale.decoder(legal(scale, x))  # raises if there is no such value
