"""A validation in Markdown."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.analysis.claims import find_claims
from bagbench.analysis.method_truth import compare_methods
from bagbench.analysis.races import Experiment, load_experiment
from bagbench.analysis.validation import Validation, compare_with_truth
from bagbench.analysis.validation_page import validation_page
from bagbench.problems.benchmark import Benchmark, Outcome


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


@pytest.fixture(scope="module")
def validation(experiment: Experiment, toy_benchmark: Benchmark) -> Validation:
    """Six configurations, the first twice; another run of it failed."""
    claims = find_claims(experiment, toy_benchmark)
    worse = np.array([1.0, 0.0])
    trainings = {(claim.digest, 0): Outcome(claim.losses + worse, 2.0) for claim in claims[:6]}
    trainings[claims[0].digest, 1] = Outcome(claims[0].losses + 3 * worse, 4.0)
    trainings[claims[0].digest, 2] = Outcome(np.full(2, math.nan), math.nan, "diverged")
    return compare_with_truth(claims, trainings, experiment.problem)


@pytest.fixture(scope="module")
def page(experiment: Experiment, validation: Validation) -> str:
    return validation_page(experiment, validation, compare_methods(experiment, validation))


def tables(page: str) -> list[list[list[str]]]:
    found = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    return [[[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()] for text in found]


def test_tables_have_a_line_for_every_method_and_configuration(page: str, validation: Validation) -> None:
    methods, configurations = tables(page)
    assert all(len({len(row) for row in table}) == 1 for table in (methods, configurations))
    assert {row[0] for row in methods[2:]} == {"`sh-emoa`", "`random-search`"}
    assert [row[0] for row in configurations[2:]] == [f"`{claim.digest}`" for claim in validation.claims]
    assert configurations[0] == [
        "configuration", "val_error, predicted", "true", "log10_params", "seconds, predicted", "true"
    ]  # fmt: skip
    for row, claim, losses in zip(configurations[2:], validation.claims, validation.losses, strict=True):
        assert row[1:4] == [f"{claim.losses[0]:.2f}", f"{losses[0]:.2f}", f"{losses[1]:.3f}"]


def test_page_says_what_was_done_and_what_it_comes_to(
    page: str, experiment: Experiment, validation: Validation
) -> None:
    ranking = compare_methods(experiment, validation)
    for verdict in (validation.sentence, ranking.verdict, ranking.loss, ranking.caution):
        assert f"- {verdict}\n" in page
    assert "6 were trained again with the true trainer, with 2 seeds each" in page
    assert "True trainings that failed, and are left out: 1." in page
    assert "had been retrained already" not in page


def test_intervals_are_shown_where_every_configuration_was_trained_again(
    experiment: Experiment, validation: Validation, page: str
) -> None:
    assert {row[5] for row in tables(page)[0][2:]} == {""}
    assert "with `--seeds 2` or more, intervals say how small that is" in page
    again = tuple(np.stack([losses, losses - [0.5, 0.0]]) for losses in validation.losses)
    twice = replace(validation, replicates=again)
    ranking = compare_methods(experiment, twice)
    shown = validation_page(experiment, twice, ranking)
    expected = ["{:.2f} to {:.2f}".format(*method.true_interval) for method in ranking.methods]
    assert [row[5] for row in tables(shown)[0][2:]] == expected
    assert f"- {ranking.noise}\n" in shown and ranking.noise.startswith("Replicates tell")
    assert "by a bootstrap over the seeds" in shown


def test_page_names_the_commands_that_make_it(page: str) -> None:
    made = re.search(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert made is not None
    compare, validate = made[1].splitlines()
    assert compare.startswith("bagbench compare digits --optimizers random-search,sh-emoa")
    assert compare.endswith("--out out/digits")
    assert validate == "bagbench validate out/digits --runs 6 --seeds 2"


def test_page_admits_another_choice_than_its_commands_would_make(
    experiment: Experiment, validation: Validation
) -> None:
    other = replace(validation, out_of_turn=4)
    page = validation_page(experiment, other, compare_methods(experiment, other))
    assert "4 of them had been retrained already, and are not those that the methods would have named in turn" in page
