"""Domain and doubt: near and far configurations, and models whose disagreement is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems.errors import InvalidArgument
from bagbench.problems.parameters import Choice
from bagbench.problems.space import Space
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.description import Description
from bagbench.surrogates.domain import Domain, encode, fit_domain
from bagbench.surrogates.doubt import disagreement
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.file import read_sealed, write_surrogate
from bagbench.surrogates.network import Layer, Network
from bagbench.surrogates.subgraph import read_metadata
from bagbench.tables.table import Table


def brute_force_distance(one: np.ndarray, two: np.ndarray, space: Space) -> float:
    total = 0.0
    for x, y, parameter in zip(one, two, space.parameters, strict=True):
        if np.isnan(x) or np.isnan(y):
            total += float(np.isnan(x) != np.isnan(y))
        elif isinstance(parameter, Choice):
            total += abs(x - y) / (parameter.size - 1) if parameter.ordered else float(x != y)
        else:
            total += abs(x - y)
    return total / len(one)


def test_distances_are_gowers(table: Table) -> None:
    space = table.problem.space
    vectors = space.sample(np.random.default_rng(0), 30)
    known, asked = vectors[:20], vectors[20:]
    domain = fit_domain(read_examples(table))
    domain = Domain(codes=encode(space, known), unordered=domain.unordered, limit=0.0)
    expected = [min(brute_force_distance(one, two, space) for two in known) for one in asked]
    np.testing.assert_allclose(domain.distances(encode(space, asked)), expected, atol=0.005)
    rest = [np.delete(known, row, axis=0) for row in range(len(known))]
    others = [min(brute_force_distance(one, two, space) for two in rest[row]) for row, one in enumerate(known)]
    np.testing.assert_allclose(domain.gaps(), others, atol=0.005)


def test_what_was_learnt_from_is_in_the_domain_and_what_is_far_is_not(table: Table, file: Path) -> None:
    benchmark = SurrogateBenchmark(file)
    space = benchmark.problem.space
    assert benchmark.trust(table.runs.vectors).in_domain.all()
    domain = fit_domain(read_examples(table))
    assert (domain.gaps() <= domain.limit).mean() == pytest.approx(0.99, abs=0.02)
    few = Domain(codes=domain.codes[:1], unordered=domain.unordered, limit=0.05)
    assert few.contains(space, space.sample(np.random.default_rng(1), 200)).mean() < 0.1


def test_domain_survives_its_document(table: Table) -> None:
    domain = fit_domain(read_examples(table))
    again = Domain.from_document(json.loads(json.dumps(domain.to_document())))
    np.testing.assert_array_equal(again.codes, domain.codes)
    np.testing.assert_array_equal(again.unordered, domain.unordered)
    assert again.limit == domain.limit


def constant(*values: float) -> Network:
    """Make a network that says ``values`` of whatever it is asked."""
    weights = np.zeros((15, len(values)), dtype=np.float32)
    return Network(layers=[Layer(weights=weights, biases=np.array(values, dtype=np.float32))])


def test_disagreement_is_the_jackknifes(table: Table) -> None:
    """The jackknife of a mean is its standard error: models that are leave-one-out means of a sample."""
    examples = read_examples(table)
    sample = np.array([20.0, 30.0, 44.0, 50.0, 31.0])
    target = examples.targets[0]
    models = [constant(float(target.forward(np.delete(sample, i).mean()))) for i in range(5)]
    spread = disagreement(examples, models, examples.vectors[:3])
    np.testing.assert_allclose(spread, sample.std(ddof=1) / np.sqrt(5), rtol=1e-5)


def test_doubt_is_as_large_as_the_errors_of_means(file: Path) -> None:
    """The means that the made-up runs scatter about are known; so is by how much predictions miss them."""
    benchmark = SurrogateBenchmark(file)
    space = benchmark.problem.space
    vectors = space.sample(np.random.default_rng(3), 4000)
    x = vectors[:, space.index["lr_init"]]
    losses, _ = benchmark.query_batch(vectors, np.full(4000, 25))
    errors = np.abs(losses[:, 0] - (10 + 160 * (x - 0.5) ** 2 + 30 * np.exp(-25 / 4)))
    spread = benchmark.trust(vectors).spread
    assert 1 / 3 < np.median(spread) / np.median(errors) < 3
    doubted = spread > np.median(spread)
    assert errors[doubted].mean() > errors[~doubted].mean()


def test_a_surrogate_from_before_says_to_fit_again(file: Path, tmp_path: Path) -> None:
    text = read_metadata(read_sealed(file), "bagbench") or ""
    older = Description.from_json(json.dumps({**json.loads(text), "domain": None}), file)
    write_surrogate(tmp_path / "older.onnx", older, constant(*[0.0] * len(older.targets)))
    benchmark = SurrogateBenchmark(tmp_path / "older.onnx")
    with pytest.raises(InvalidArgument, match="fit its table again"):
        benchmark.trust(benchmark.problem.space.sample(np.random.default_rng(0), 2))
