"""The catalogue of methods, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bagbench.optimizers import METHODS, OPTIMIZERS, get_optimizer
from bagbench.optimizers.base import Optimizer
from bagbench.optimizers.synthetic import networks
from bagbench.problems.errors import UnknownName


def test_every_method_is_an_optimizer_under_its_name() -> None:
    assert {"random-search", "sh-emoa"} <= set(OPTIMIZERS)
    for name, optimizer in OPTIMIZERS.items():
        assert get_optimizer(name) is optimizer is METHODS[name].optimizer
        assert isinstance(optimizer(networks().problem, seed=0), Optimizer)


def test_every_method_says_in_one_line_what_it_is_and_where_it_is_from() -> None:
    for name, method in METHODS.items():
        assert method.name == name == name.lower()
        assert "\n" not in method.idea and 20 < len(method.idea) < 110
        assert any(character.isdigit() for character in method.source), "a source names a year"


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match=r"unknown optimizer 'sh-emo'.*did you mean 'sh-emoa'"):
        get_optimizer("sh-emo")


def test_importing_the_optimizers_loads_nothing_heavy() -> None:
    code = (
        "import sys, bagbench.optimizers, bagbench.optimizers.testing\n"
        "print(*{name.split('.')[0] for name in sys.modules} & "
        "{'scipy', 'sklearn', 'moocore', 'torch', 'pytest', 'ConfigSpace', 'optuna', 'xgboost', 'h5py'})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
