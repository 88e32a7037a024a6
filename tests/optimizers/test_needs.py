"""Who races without what it is made for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bagbench.optimizers import METHODS
from bagbench.optimizers.needs import unmet_needs
from bagbench.problems import get_problem

NAMES = ("random-search", "sh-emoa", "ms-ehvi", "mo-asha")


def test_shipped_problem_meets_all_needs() -> None:
    assert unmet_needs(get_problem("digits"), METHODS) == ()


def test_single_fidelity_leaves_the_ladder_climbers_wanting() -> None:
    (sentence,) = unmet_needs(replace(get_problem("digits"), max_epochs=1), NAMES)
    assert sentence.startswith("This problem has a single fidelity")
    assert sentence.endswith(": sh-emoa, mo-asha race without what they are made for.")


def test_unknown_objectives_leave_those_wanting_that_know_them() -> None:
    (sentence,) = unmet_needs(replace(get_problem("digits"), known={}), NAMES)
    assert sentence.endswith(
        "has no objective that is known without training: ms-ehvi race without what they are made for."
    )


@pytest.mark.parametrize("names", [(), ("random-search",), ("somebody-elses",)])
def test_who_needs_nothing_is_not_named(names: tuple[str, ...]) -> None:
    assert unmet_needs(replace(get_problem("digits"), known={}, max_epochs=1), names) == ()
