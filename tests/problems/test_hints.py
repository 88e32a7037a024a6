"""Hints: written out once more, layer by layer, for single configurations."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.document import problem_from_json, problem_to_json


@pytest.mark.parametrize(("name", "images"), [("digits", 1_000), ("flowers", 680), ("fashion", 48_000)])
def test_hints_are_what_one_computes_by_hand(name: str, images: int) -> None:
    problem = get_problem(name)
    assert problem.hints is not None
    side = {"digits": 8, "flowers": 16, "fashion": 28}[name]
    vectors = problem.space.sample(np.random.default_rng(0), 200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hints = problem.hints(problem.space.natural(vectors))
    for vector, row in zip(vectors, hints, strict=True):
        config = {key: float(value) for key, value in problem.space.decode(vector).items()}
        convolutions = [config[f"n_conv_{i}"] for i in range(int(config["n_conv_l"]))]
        linears = [config[f"n_fc_{i}"] for i in range(int(config["n_fc_l"]))]
        pixels = 1 if config["global_avg_pooling"] else (side // 2 ** len(convolutions)) ** 2
        steps, rate, batch = math.ceil(images / config["batch_size"]), config["lr_init"], config["batch_size"]
        features = convolutions[-1] * pixels
        products = [
            steps,
            min(convolutions),
            min(linears),
            convolutions[-1],
            linears[-1],
            features,
            rate * steps,
            rate / math.sqrt(batch),
            rate * features,
            rate * max(convolutions) * config["kernel_size"] ** 2,
            rate * max(linears),
        ]
        np.testing.assert_allclose(row[:-1], np.log(products), atol=1e-12)
        assert row[-1] == len(convolutions) + len(linears)


def test_a_shipped_problem_comes_back_from_its_document_with_its_hints() -> None:
    problem = get_problem("flowers")
    assert problem_from_json(problem_to_json(problem)).hints == problem.hints
