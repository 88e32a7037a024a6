"""What a surrogate file says beside its model: written, read, and read from versions before."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.problems.errors import FileProblem
from bagbench.surrogates.description import VERSION, Description
from bagbench.surrogates.file import read_sealed
from bagbench.surrogates.subgraph import read_metadata


@pytest.fixture
def document(file: Path) -> Any:
    return json.loads(read_metadata(read_sealed(file), "bagbench") or "")


def read(document: Any) -> Description:
    return Description.from_json(json.dumps(document), Path("some.onnx"))


def test_what_was_written_is_read_again(document: Any) -> None:
    description = read(document)
    assert json.loads(description.to_json()) == document
    assert set(np.unique(description.noise.keeps)) <= {0.0, 1.0}


def test_version_1_whose_noise_was_residuals_alone_stays_readable(document: Any) -> None:
    edges, shape = document["noise"]["edges"], document["noise"]["shape"]
    residuals = np.random.default_rng(0).normal(size=shape).astype("<f2")
    coded = base64.b64encode(residuals.tobytes()).decode()
    noise = read({**document, "version": 1, "noise": {"edges": edges, "shape": shape, "residuals": coded}}).noise
    draw = noise.draw(0.0, "0" * 16, 0)
    assert any((draw.onto(5.0) == 5.0 + run).all() for runs in residuals.astype(np.float32) for run in runs)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e9])
def test_draws_of_any_size_are_kept_to_three_digits(size: float, document: Any) -> None:
    description = read(document)
    drawn = np.random.default_rng(1).uniform(-1, 1, description.noise.adds.shape).astype(np.float32)
    noise = replace(description.noise, adds=drawn * np.float32(size))
    written = json.loads(replace(description, noise=noise).to_json())
    assert written["version"] == VERSION
    np.testing.assert_allclose(read(written).noise.adds, noise.adds, rtol=1e-3, atol=1e-6 * size)


def test_a_newer_version_says_to_update(document: Any) -> None:
    with pytest.raises(FileProblem, match=r"update bagbench"):
        read({**document, "version": VERSION + 1})
