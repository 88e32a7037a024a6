"""Refitting with true runs: surrogates are judged on what they have not seen, and the numbers are those of hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.analysis import refit as refitting
from bagbench.analysis.held_out import FOLDS, count_fits, deal, judge
from bagbench.analysis.indicators import hypervolume
from bagbench.analysis.races import Experiment, Race
from bagbench.analysis.refit import Refit, check_runs, refit
from bagbench.analysis.refit_page import refit_section
from bagbench.analysis.refit_table import add_runs, open_base, without
from bagbench.analysis.retraining import outcomes
from bagbench.analysis.validation import Agreement, Validation, compare_with_truth
from bagbench.analysis.validation_file import Claim
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.problem import Losses, Vectors
from bagbench.problems.record import CURVES
from bagbench.simulator.benchmarks import DATA
from bagbench.tables.runs import Entry, runs_from_entries
from bagbench.tables.table import Table

PROBLEM = get_problem("digits")
VECTORS = PROBLEM.space.sample(np.random.default_rng(3), 40)
DIGESTS = PROBLEM.space.digests(VECTORS)
SIZES = PROBLEM.known_losses(VECTORS)[:, 1]
RACED = 90.0 - 10.0 * SIZES  # so that none dominates another
FOUND = range(12)  # configurations on the fronts
METHODS = {"sh-emoa": range(8), "random-search": range(4, 12)}


def entry(row: int, error: float, seed: int) -> Entry:
    curves = {name: [0.5] * PROBLEM.max_epochs for name in CURVES}
    curves["val_accuracy"] = [1.0 - error / 100.0] * PROBLEM.max_epochs
    return {
        "index": -1,
        "digest": DIGESTS[row],
        "config": PROBLEM.space.decode(VECTORS[row]),
        "seed": seed,
        "inclusion_probability": 1.0,
        "status": "ok",
        "error": "",
        "started": float(row),
        "environment": {},
        "curves": curves,
    }


def table(errors: Mapping[int, float], seeds: Sequence[int] = (0,)) -> Table:
    """Make a table up: an error for each of some configurations, the same with every seed."""
    runs = runs_from_entries([entry(row, error, seed) for row, error in errors.items() for seed in seeds], PROBLEM)
    return add_runs(
        Table(problem=PROBLEM, runs=runs.take(runs.seeds[:0])), Table(problem=PROBLEM, runs=runs), most_runs=99
    )


@pytest.fixture(scope="module")
def experiment(make_race: Callable[..., Race]) -> Experiment:
    losses = np.stack([RACED, SIZES], axis=1)
    races = tuple(make_race(VECTORS[rows], losses[rows], optimizer=name) for name, rows in METHODS.items())
    return Experiment(problem=PROBLEM, races=races, settings={"source": "surrogate", "problem": "digits"})  # type: ignore[typeddict-item]


def checked(new: Table) -> Validation:
    """Hold all that was found against the runs of a table."""
    claims = [
        Claim(digest=DIGESTS[row], vector=VECTORS[row], losses=np.array([RACED[row], SIZES[row]]), seconds=10.0)
        for row in FOUND
    ]
    return compare_with_truth(claims, outcomes(new, PROBLEM), PROBLEM)


class Memory:
    """A surrogate that knows what it has seen, and says 50 % of anything else."""

    def __init__(self, seen: Table) -> None:
        runs = seen.runs
        self.seen = dict(zip(runs.digests.astype(str).tolist(), seen.losses("val_error")[:, -1].tolist(), strict=True))

    def query_batch(self, vectors: Vectors, epochs: NDArray[np.int64]) -> tuple[Losses, NDArray[np.float64]]:
        assert (epochs == PROBLEM.max_epochs).all()
        errors = np.array([self.guess(digest) for digest in PROBLEM.space.digests(vectors)])
        sizes = PROBLEM.known_losses(vectors)[:, 1]
        return np.stack([errors, sizes], axis=1), np.full(len(vectors), 12.5)

    def guess(self, digest: str) -> float:
        return float(self.seen.get(digest, 50.0))


class Average(Memory):
    """A surrogate that always says the mean of what it has seen."""

    def guess(self, digest: str) -> float:
        return float(np.mean(list(self.seen.values())))


class Fits:
    """Fits one of the above, and remembers to what."""

    kind: type[Memory] = Memory

    def __init__(self, *_: Any) -> None:
        self.tables: list[Table] = []

    def fit(self, table: Table, path: Path) -> Memory:
        self.tables.append(table)
        path.touch()
        return self.kind(table)

    fit_unjudged = fit


class Averages(Fits):
    kind = Average


# --- judging ---------------------------------------------------------------------------------------------------------


def test_configurations_are_dealt_into_groups_of_about_the_same_size() -> None:
    groups = deal(DIGESTS)
    assert sorted(digest for group in groups for digest in group) == sorted(DIGESTS)
    assert sorted(map(len, groups)) == [13, 13, 14] and len(groups) == FOLDS
    assert deal(DIGESTS[::-1]) == groups
    assert len(deal(DIGESTS[:2])) == 2


@pytest.mark.parametrize("known", [(), (0, 1, 2), FOUND], ids=["none", "some", "all"])
def test_no_surrogate_has_seen_what_it_is_judged_on(known: Sequence[int]) -> None:
    """One that remembers says 50 of whatever it has not seen; the base table may hold what was found, too."""
    new = table(dict.fromkeys(FOUND, 7.0), seeds=(0, 1))
    base = add_runs(
        table(dict.fromkeys(range(20, 40), 3.0)), table(dict.fromkeys(known, 3.0), seeds=(5,)), most_runs=99
    )
    merged, judged, fits = add_runs(base, new, most_runs=99), checked(new), Fits()
    groups = deal([claim.digest for claim in judged.claims])
    before, after = judge(fits, base, merged, judged, groups)
    assert before.losses[:, 0].tolist() == [50.0] * 12 == after.losses[:, 0].tolist()
    assert after.seconds.tolist() == [12.5] * 12
    assert len(fits.tables) + 1 == count_fits(base, new, judged)
    everything = set(merged.runs.digests.tolist())
    left_out = {frozenset(everything - set(seen.runs.digests.tolist())) for seen in fits.tables}
    assert {frozenset(digest.encode() for digest in group) for group in groups} <= left_out  # and nothing else


def test_new_runs_of_other_configurations_are_learnt_from(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base says 20 of everything, truth is 60; averages are of 20 base configurations and 8 of 12 new ones."""
    monkeypatch.setattr(refitting, "Fits", Averages)
    base, new = table(dict.fromkeys(range(20, 40), 20.0)), table(dict.fromkeys(FOUND, 60.0), seeds=(0, 1))
    found = refit(experiment, checked(new), base, new, tmp_path)
    assert (found.base_runs, found.new_runs, found.judged) == (20, 24, 12)
    expected = 60.0 - (20 * 20.0 + 8 * 60.0) / 28
    error, seconds = found.before
    assert (error.name, seconds.name) == ("val_error", "seconds")
    assert [error.mean_error, error.rmse] == pytest.approx([40.0, 40.0])
    assert [found.after[0].mean_error, found.after[0].rmse] == pytest.approx([expected, expected])
    assert found.rmse_change == pytest.approx((expected - 40.0, expected - 40.0))
    assert found.best_before.mean_error == pytest.approx(40.0)
    assert (
        "With 24 new runs, predictions of configurations that were not learnt from are better: RMSE" in found.sentence
    )


def test_hypervolumes_of_methods_move_with_their_predictions(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refitting, "Fits", Averages)
    base, new = table(dict.fromkeys(range(20, 40), 20.0)), table(dict.fromkeys(range(6), 60.0))
    found = {method.optimizer: method for method in refit(experiment, checked(new), base, new, tmp_path).methods}
    assert {name: (method.judged, method.claimed) for name, method in found.items()} == {
        "sh-emoa": (6, 8), "random-search": (2, 8)
    }  # fmt: skip

    def worth(errors: float | NDArray[np.float64], rows: Sequence[int]) -> float:
        losses = np.stack([np.broadcast_to(errors, len(rows)), SIZES[list(rows)]], axis=1)
        return hypervolume(losses, PROBLEM.reference_point)

    for name, judged in (("sh-emoa", range(6)), ("random-search", range(4, 6))):
        method, claimed = found[name], METHODS[name]
        assert method.before == pytest.approx(worth(20.0, judged))
        assert method.after == pytest.approx(worth((20 * 20.0 + 4 * 60.0) / 24, judged))
        assert method.true == pytest.approx(worth(60.0, judged))
        assert method.raced == pytest.approx(worth(RACED[list(claimed)], claimed))
        assert method.refitted == pytest.approx(worth((20 * 20.0 + 6 * 60.0) / 26, claimed))


def test_winners_curse_is_that_of_the_half_that_looked_best(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The six that the races took for best are 30 worse than the base says, the others as it says."""
    monkeypatch.setattr(refitting, "Fits", Averages)
    order = np.argsort(RACED[list(FOUND)]).tolist()
    new = table({row: 50.0 if row in order[:6] else 20.0 for row in FOUND})
    found = refit(experiment, checked(new), table(dict.fromkeys(range(20, 40), 20.0)), new, tmp_path)
    assert found.best_before.mean_error == pytest.approx(30.0)
    assert found.before[0].mean_error == pytest.approx(15.0)


def test_what_is_written_holds_all_runs_and_changes_no_input(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refitting, "Fits", Averages)
    path = tmp_path / "base.h5"
    table({**dict.fromkeys(range(20, 40), 20.0), 0: 33.0}).save(path)
    before = path.read_bytes()
    new = table(dict.fromkeys(FOUND, 60.0), seeds=(0, 1))  # configuration 0 with seed 0 is in the base already
    (tmp_path / "out").mkdir()
    found = refit(experiment, checked(new), Table.open(path), new, tmp_path / "out")
    assert found.new_runs == 23
    written = Table.open(tmp_path / "out" / "refit.h5")
    assert len(written) == 21 + 23 and written.plan is None
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"refit.h5", "refit.onnx"}
    assert path.read_bytes() == before


# --- verdicts --------------------------------------------------------------------------------------------------------


def made_up(low: float, high: float) -> Refit:
    before = Agreement(name="val_error", unit="%", kendall_tau=0.8, mean_error=2.5, rmse=10.0)
    after = replace(before, kendall_tau=0.9, mean_error=-0.5, rmse=8.0)
    best = replace(before, mean_error=1.5), replace(before, mean_error=0.25)
    words = {"base_runs": 5000, "new_runs": 180, "judged": 60, "methods": (), "rmse_change": (low, high)}
    return Refit(before=(before,), after=(after,), best_before=best[0], best_after=best[1], **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-3.0, -1.0, "better"), (1.0, 3.0, "worse"), (-3.0, 1.0, "neither clearly better nor worse")],
)
def test_verdict_is_that_of_the_interval(low: float, high: float, verdict: str) -> None:
    assert made_up(low, high).sentence == (
        f"With 180 new runs, predictions of configurations that were not learnt from are {verdict}: RMSE of val_error "
        f"10 % before and 8 % after (change {low:+.2g} to {high:+.2g} %), Kendall tau 0.800 and 0.900, bias +2.5 and "
        "-0.5 %; among those that the races took for best +1.5 and +0.25 %."
    )


def test_section_has_a_line_for_every_quantity_and_method(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refitting, "Fits", Averages)
    base, new = table(dict.fromkeys(range(20, 40), 20.0)), table(dict.fromkeys(FOUND, 60.0))
    found = refit(experiment, checked(new), base, new, tmp_path)
    rows = [line.strip("| ").split(" | ") for line in refit_section(found).splitlines() if line.startswith("|")]
    lines = {row[0]: row for row in rows}
    assert lines["val_error (%)"][3:] == ["+40", "+28.6", "40", "28.6"]
    assert {"val_error (%), best half", "seconds (s)"} < set(lines)
    for method in found.methods:
        assert lines[f"`{method.optimizer}`"][-1] == f"{method.refitted - method.raced:+.2f}"
    assert found.sentence in refit_section(found)


def test_too_few_configurations_are_refused() -> None:
    two = table({0: 10.0, 1: 20.0}, seeds=(0, 1, 2))
    validation = checked(table(dict.fromkeys(FOUND, 1.0)))
    for new, count in ((two, 2), (None, 0), (table(dict.fromkeys(range(30, 40), 1.0)), 0)):
        with pytest.raises(InvalidArgument, match=rf"true runs of 3 or more configurations in the table, got {count}:"):
            check_runs(validation, new)
    three = table({0: 10.0, 1: 20.0, 2: 30.0})
    assert check_runs(validation, three) is three


# --- tables ----------------------------------------------------------------------------------------------------------


def test_of_a_large_base_only_as_much_is_taken_as_leaves_room() -> None:
    base, new = table(dict.fromkeys(range(20, 40), 20.0)), table(dict.fromkeys(range(5), 60.0))
    both = add_runs(base, new, most_runs=15)
    digests = both.runs.digests.astype(str).tolist()
    assert sorted(digests) == sorted([*sorted(DIGESTS[20:40])[:10], *DIGESTS[:5]])
    assert len(add_runs(base, new, most_runs=3)) == 5
    assert len(base) == 20


def test_tables_of_other_images_are_not_put_together() -> None:
    base, new = table({0: 1.0}), table({1: 1.0})
    with pytest.raises(InvalidArgument, match="was made with other images than are here"):
        add_runs(replace(base, data_set="others"), new, most_runs=9)


def test_without_leaves_out_all_runs_of_a_configuration() -> None:
    some = without(table(dict.fromkeys(range(4), 1.0), seeds=(0, 1)), [DIGESTS[1], DIGESTS[3], DIGESTS[9]])
    assert sorted(some.runs.digests.astype(str).tolist()) == sorted([DIGESTS[0], DIGESTS[2]] * 2)


def test_base_is_the_table_that_answered_or_the_shipped_one(tmp_path: Path) -> None:
    mine = tmp_path / "mine.h5"
    table({0: 1.0}).save(mine)

    def opened(source: str, path: Path | None = None, problem: str | None = None) -> int:
        settings: Any = {"source": source, "problem": problem or str(mine)}
        return len(open_base(settings, PROBLEM, path))

    assert opened("table") == 1
    assert opened("surrogate", mine, "digits") == 1
    if (DATA / "digits.h5").is_file():
        assert opened("surrogate", problem=str(tmp_path / "mine.onnx")) == opened("surrogate", problem="digits") > 1


def test_base_of_another_problem_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    other = replace(PROBLEM, name="others")
    Table(problem=other, runs=table({0: 1.0}).runs).save(path)
    with pytest.raises(
        InvalidArgument, match=r"other.h5 is a table of 'others', 25 epochs a run: expected one of 'digits'"
    ):
        open_base({"source": "surrogate", "problem": "digits"}, PROBLEM, path)  # type: ignore[typeddict-item]
