"""Judging on configurations that were run many times: made-up runs whose true means a made-up surrogate knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.analysis.unseen import judge_unseen
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument
from bagbench.tables.runs import Entry, runs_from_entries
from bagbench.tables.table import Table

PROBLEM = get_problem("digits")
VECTORS = PROBLEM.space.sample(np.random.default_rng(0), 120)
MEANS = np.linspace(5.0, 60.0, len(VECTORS))
NOISE = 8.0


def make_table(runs_of: Sequence[int], *, failed: int = 0) -> Table:
    """Make a table with so many runs of the first configurations; the first runs of the first one have failed."""
    rng = np.random.default_rng(1)
    entries: list[Entry] = []
    for number, runs in enumerate(runs_of):
        for seed in range(runs):
            accuracy = [1.0 - (MEANS[number] + NOISE * rng.standard_normal()) / 100.0] * PROBLEM.max_epochs
            broken = number == 0 and seed < failed
            curves = dict.fromkeys(("val_accuracy", "test_accuracy", "val_loss", "train_loss"), accuracy)
            seconds = dict.fromkeys(("train_seconds", "eval_seconds"), [0.1] * PROBLEM.max_epochs)
            entries.append(
                Entry(
                    index=len(entries),
                    digest=PROBLEM.space.digest(VECTORS[number]),
                    config=PROBLEM.space.decode(VECTORS[number]),
                    seed=seed,
                    inclusion_probability=1.0,
                    status="out_of_memory" if broken else "ok",
                    error="none left" if broken else "",
                    started=0.0,
                    environment={"device": "cpu"},
                    curves={name: values[:3] if broken else values for name, values in (curves | seconds).items()},
                )
            )
    return Table(problem=PROBLEM, runs=runs_from_entries(entries, PROBLEM))


class Knowing:
    """Knows the true means, but for ``error`` added to every other one."""

    problem = PROBLEM

    def __init__(self, error: float = 0.0) -> None:
        self._error = error

    def query_batch(self, vectors: NDArray[np.float64], epochs: Any) -> tuple[NDArray[np.float64], None]:
        assert (epochs == PROBLEM.max_epochs).all()
        found = [PROBLEM.space.digests(VECTORS).index(digest) for digest in PROBLEM.space.digests(vectors)]
        losses = PROBLEM.known_losses(vectors)
        losses[:, 0] = MEANS[found] + self._error * (np.array(found) % 2)
        return losses, None


def judge(table: Table, surrogate: Any, learnt: frozenset[str] = frozenset()) -> Any:
    return judge_unseen(table, surrogate, learnt)


def test_who_knows_the_means_reaches_the_ceiling_and_nobody_else() -> None:
    table = make_table([10] * 120)
    best, worse = (judge(table, Knowing(error))["metrics"]["val_error"] for error in (0.0, 12.0))
    for name in ("r2", "kendall_tau", "rank_tau"):
        assert best["share_of_ceiling"][name] == pytest.approx(1.0, abs=0.02)
        assert worse["share_of_ceiling"][name] < 1.0 - 5 * worse["share_of_ceiling"][f"{name}_error"]
    r2 = best["ceiling"]["r2"]
    assert r2 == pytest.approx(1 - NOISE**2 / (np.var(MEANS) + NOISE**2), abs=0.03)
    assert best["single_runs"]["r2"] == pytest.approx(r2, abs=0.01)
    assert best["single_runs"]["rmse"] == pytest.approx(NOISE, rel=0.1)
    assert best["means"]["rmse"] == pytest.approx(NOISE / 10**0.5, rel=0.2)
    assert 0.0 < best["ceiling"]["r2_error"] < 0.1


def test_only_what_is_known_of_every_configuration_counts() -> None:
    """As many configurations times runs as possible, of runs that ended."""
    evidence = judge(make_table([10] * 40 + [9] * 30 + [1] * 50, failed=1), Knowing())
    assert (evidence["configurations"], evidence["runs_of_each"]) == (70, 9)
    evidence = judge(make_table([10] * 40 + [8] * 8, failed=1), Knowing())
    assert (evidence["configurations"], evidence["runs_of_each"]) == (39, 10)


def test_what_was_learnt_from_is_left_out() -> None:
    learnt = frozenset(PROBLEM.space.digests(VECTORS[:50]))
    assert judge(make_table([10] * 80), Knowing(), learnt)["configurations"] == 30
    with pytest.raises(InvalidArgument, match=r"^10 of the 10 configurations that were not learnt from have at least"):
        judge(make_table([10] * 60), Knowing(), learnt)


def test_runs_of_another_space_are_refused() -> None:
    surrogate = Knowing()
    surrogate.problem = get_problem("flowers")
    with pytest.raises(InvalidArgument, match="^the held-out runs are of 'digits', and the surrogate is of 'flowers'"):
        judge(make_table([10] * 30), surrogate)
