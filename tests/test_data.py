"""The shipped data files are what their manifest says, and belong together."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bagbench
from bagbench.analysis.best_front import read_best_front
from bagbench.analysis.indicators import nondominated
from bagbench.analysis.unseen import judge_unseen
from bagbench.problems import get_problem
from bagbench.problems.datasets import load_data_set
from bagbench.simulator.benchmarks import fingerprint
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.tables.designs import planned_runs
from bagbench.tables.table import Table

DATA = Path(bagbench.__file__).parent / "data"


@pytest.fixture(scope="module")
def manifest() -> Any:
    return json.loads((DATA / "manifest.json").read_text())


def test_manifest_lists_every_file_with_its_checksum(manifest: Any) -> None:
    files = {
        path.name: sha256(path.read_bytes()).hexdigest() for path in DATA.iterdir() if path.suffix in (".h5", ".onnx")
    }
    assert {name: papers["sha256"] for name, papers in manifest.items()} == files
    assert set(files) == {"digits.h5", "digits-replicates.h5", "digits.onnx", "flowers.h5", "flowers.onnx"}


def test_all_files_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir() if path.is_file()) < 60e6


@pytest.mark.parametrize("problem", ["digits", "flowers"])
def test_table_holds_runs_of_its_plan_on_todays_data_set(problem: str, manifest: Any) -> None:
    table = Table.open(DATA / f"{problem}.h5")
    images = {"digits": 1000, "flowers": 680}[problem]
    if problem == "digits":  # which everybody has
        assert table.data_set == load_data_set("digits").digest
    assert manifest[f"{problem}.h5"]["runs"] == len(table)
    assert table.plan is not None
    # Machines had different shares of the plan, and were stopped at different places.
    planned = planned_runs(table.plan, get_problem(problem), images, 2 * len(table))
    keys = {(run.digest, run.seed) for run in planned}
    assert {
        (digest.decode(), seed) for digest, seed in zip(table.runs.digests, table.runs.seeds.tolist(), strict=True)
    } <= keys
    counts = np.unique(table.runs.digests, return_counts=True)[1]
    assert manifest[f"{problem}.h5"]["configurations_with_replicates"] == (counts > 1).sum()


def test_held_out_runs_are_ten_of_each_planned_configuration_and_of_none_that_was_learnt_from() -> None:
    held_out, learnt = Table.open(DATA / "digits-replicates.h5", verify=True), Table.open(DATA / "digits.h5")
    assert held_out.plan is not None
    assert learnt.plan is not None
    assert (held_out.plan.design, held_out.plan.target_seconds) == (learnt.plan.design, learnt.plan.target_seconds)
    assert not set(held_out.runs.digests.tolist()) & set(learnt.runs.digests.tolist())
    assert (np.unique(held_out.runs.digests, return_counts=True)[1] == 10).all()
    planned = planned_runs(held_out.plan, get_problem("digits"), 1000, len(held_out))
    assert {(run.digest, run.seed) for run in planned} == set(
        zip(held_out.runs.digests.astype(str).tolist(), held_out.runs.seeds.tolist(), strict=True)
    )


def test_card_tells_what_the_held_out_runs_say() -> None:
    surrogate: Any = SurrogateBenchmark(DATA / "digits.onnx", objectives=("val_error", "val_loss", "test_error"))
    learnt = frozenset(Table.open(DATA / "digits.h5").runs.digests.astype(str).tolist())
    evidence: Any = judge_unseen(Table.open(DATA / "digits-replicates.h5"), surrogate, learnt)
    assert evidence["configurations"] == surrogate.card["held_out"]["configurations"] == 200
    for name, found in evidence["metrics"].items():
        for part, values in surrogate.card["held_out"]["metrics"][name].items():
            assert found[part] == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize("problem", ["digits", "flowers"])
def test_surrogate_was_fitted_to_the_shipped_table(problem: str) -> None:
    surrogate = SurrogateBenchmark(DATA / f"{problem}.onnx")
    assert surrogate.provenance["table_sha256"] == Table.open(DATA / f"{problem}.h5").sha256
    assert surrogate.problem.space == get_problem(problem).space


@pytest.mark.parametrize("path", sorted(DATA.glob("*-front.json")), ids=lambda path: path.name)
def test_best_known_front_is_what_the_shipped_surrogate_says_of_its_configurations(path: Path) -> None:
    front = read_best_front(path)
    file = DATA / f"{front.problem}.onnx"
    assert front.benchmark_sha256 == fingerprint(file, "surrogate")  # else: bagbench.scripts.best_front again
    surrogate = SurrogateBenchmark(file, objectives=front.objectives)
    space = surrogate.problem.space
    vectors = np.array([space.encode(configuration) for configuration in front.configurations])
    losses, _ = surrogate.query_batch(vectors, np.full(len(vectors), surrogate.problem.max_epochs))
    np.testing.assert_allclose(losses, front.losses, rtol=1e-6)
    assert nondominated(losses).all()
