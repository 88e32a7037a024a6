"""``bagbench info``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.optimizers import METHODS
from bagbench.problems import PROBLEMS, get_problem
from bagbench.simulator.benchmarks import DATA
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.tables.table import Table

Command = Callable[..., Any]


def test_without_a_problem_lists_all_of_them(bagbench: Command) -> None:
    ran = bagbench("info")
    assert ran.code == 0
    assert all(name in ran.out for name in PROBLEMS)
    documents = json.loads(bagbench("info", "--json").out)["problems"]
    assert [document["name"] for document in documents] == list(PROBLEMS)


def test_problem_is_described_by_its_space_and_objectives(bagbench: Command) -> None:
    problem = get_problem("digits")
    ran = bagbench("info", "digits")
    assert all(name in ran.out for name in (*problem.space.names, *(metric.name for metric in problem.metrics)))
    assert problem.citation in ran.out
    document = json.loads(bagbench("info", "digits", "--json").out)
    assert document["space"] == json.loads(problem.space.document)
    assert document["metrics"][1] == {
        "name": "log10_params", "unit": "", "reference": 7.0, "ideal": 2.0, "known": True, "maximize": False
    }  # fmt: skip


def test_default_that_is_shown_is_a_configuration(bagbench: Command) -> None:
    default = json.loads(bagbench("info", "digits", "--json").out)["default"]
    assert len(get_problem("digits").space.encode(default)) == 13
    assert f"default: {json.dumps(default)}" in bagbench("info", "digits").out


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_not_shipped_yet_is_said(name: str, bagbench: Command) -> None:
    shipped = {suffix for suffix in (".h5", ".onnx") if (DATA / f"{name}{suffix}").is_file()}
    said = f"Neither a table nor a surrogate is shipped yet: `bagbench populate {name}` and `bagbench fit` make them"
    assert (said in bagbench("info", name).out) == (not shipped)
    (line,) = (line for line in bagbench("info").out.splitlines() if line.startswith(f"{name} "))
    assert line.count("none yet") == 2 - len(shipped)


def test_large_table_is_compared_with_its_seal_on_request(
    bagbench: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bagbench.tables.table._SMALL", 0)  # every table is a large one
    path, content = tmp_path / "altered.h5", bytearray(table.read_bytes())
    path.write_bytes(content)
    assert bagbench("info", path, "--verify").code == 0
    Table.open(path).runs.take(np.arange(80))
    content[content.index(b"\x78", len(content) // 2)] ^= 1
    path.write_bytes(content)
    ran = bagbench("info", path, "--verify")
    assert ran.code == 2
    assert "altered.h5 was altered after it was written: its sha256 is" in ran.err


def test_table_is_described_by_its_runs(bagbench: Command, table: Path) -> None:
    assert "80 real runs of 80 configurations" in bagbench("info", table).out
    document = json.loads(bagbench("info", table, "--json").out)
    assert document["table"] == {
        "file": str(table), "runs": 80, "configurations": 80, "sha256": Table.open(table).sha256
    }  # fmt: skip


def test_surrogate_is_described_by_its_quality_card(bagbench: Command, surrogate: Path) -> None:
    card = SurrogateBenchmark(surrogate).card
    document = json.loads(bagbench("info", surrogate, "--json").out)
    assert document["surrogate"]["card"] == card
    ran = bagbench("info", surrogate)
    scores = card["metrics"]["val_error"]["full_fidelity"]  # type: ignore[index]
    (line,) = (line for line in ran.out.splitlines() if line.startswith("val_error ") and "%" not in line)
    assert f"{scores['r2']:.3f} (-)" in line  # without replicates there is no ceiling
    assert f"{scores['kendall_tau']:.3f}" in line


def test_whole_card_has_every_section_and_says_it_in_json(bagbench: Command, surrogate: Path) -> None:
    card: Any = SurrogateBenchmark(surrogate).card
    assert json.loads(bagbench("info", surrogate, "--card", "--json").out) == card
    ran = bagbench("info", surrogate, "--card")
    assert ran.code == 0
    for title in ("val_error by epoch", "probability of collapse", "val_error by region", "Front of the 80"):
        assert title in ran.out
    near = card["regions"]["near_the_front"]
    (line,) = (line for line in ran.out.splitlines() if line.startswith("near the front "))
    assert line.split()[3:5] == [
        str(near["runs"]),
        f"{near['rmse']:.3f}" if near["rmse"] < 10 else f"{near['rmse']:.1f}",
    ]
    assert f"{card['front']['recall']:.0%} of it are among those" in ran.out
    runs = card["learning_curve"]["curve"]["runs"]
    assert any(line.split()[:1] == [str(runs[0])] for line in ran.out.splitlines())


def test_card_of_what_has_none_is_refused(bagbench: Command, table: Path) -> None:
    for words in ((), (table,), ("fashion",)):
        ran = bagbench("info", "--card", *words)
        assert ran.code == 2
        assert ran.err.count("\n") == 1


def test_optimizers_are_those_of_the_catalogue(bagbench: Command) -> None:
    ran = bagbench("info", "--optimizers")
    assert all(f"bagbench[{method.extra}]" in ran.out for method in METHODS.values() if method.extra)
    assert all(name in ran.out for name in METHODS)
    documents = json.loads(bagbench("info", "--optimizers", "--json").out)["optimizers"]
    assert [document["name"] for document in documents] == list(METHODS)


def test_asking_what_there_is_imports_nothing_heavy(surrogate: Path) -> None:
    code = (
        "import sys; from bagbench.scripts import cli\n"
        "try: cli.main()\n"
        "finally: print(*sorted({'torch', 'scipy.stats', 'sklearn', 'plotly', 'xgboost', 'lightgbm'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, "info", surrogate], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == ""


def test_card_says_how_sure_its_ceilings_are(bagbench: Command) -> None:
    card = json.loads(bagbench("info", "digits", "--card", "--json").out)
    ceiling = card["metrics"]["val_error"]["ceiling"]
    said = f"Ceilings of val_error by {ceiling['pairs']:,.0f} pairs of replicates, with standard errors: R2"
    r2, tau = (f"{ceiling[name]:.3f} +- {ceiling[f'{name}_error']:.3f}" for name in ("r2", "kendall_tau"))
    assert f"{said} {r2}, Kendall tau {tau}." in " ".join(bagbench("info", "digits").out.split())
    assert ceiling["pairs"] > 1_000
