"""The race grid: the same histories for any number of processes, resumed, and never half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.optimizers.base import Query, Result
from bagbench.problems.benchmark import Benchmark
from bagbench.problems.errors import FileProblem, InvalidArgument, OutputConflict, UnknownName
from bagbench.problems.problem import Problem
from bagbench.simulator import grid as grid_module
from bagbench.simulator.benchmarks import DATA
from bagbench.simulator.grid import Grid, Race, read_description, run_grid
from bagbench.simulator.history import History
from bagbench.tables.table import Table

SCRIPT = Path(__file__).with_name("race_toys.py")


class Drawing:
    def __init__(self, problem: Problem, *, seed: int) -> None:
        self.space = problem.space
        self.rng = np.random.default_rng(seed)

    def ask(self) -> Query | None:
        return Query(config=self.space.sample(self.rng, 1)[0], epochs=25)

    def tell(self, result: Result) -> None:
        pass


class Waiting(Drawing):
    def ask(self) -> Query | None:
        return None


class Broken(Drawing):
    def tell(self, result: Result) -> None:
        raise ZeroDivisionError("my own bug")


@pytest.fixture
def grid(toy_benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Grid]:
    """A grid of 2 optimizers with 3 seeds on the toy benchmark."""
    table = tmp_path / "toy.h5"
    table.write_bytes(b"the toy benchmark is opened in its place")
    optimizers = {"drawing": Drawing, "again": Drawing, "waiting": Waiting, "broken": Broken}
    monkeypatch.setattr("bagbench.optimizers.OPTIMIZERS", optimizers)
    monkeypatch.setattr(grid_module, "open_benchmark", lambda *_, **__: toy_benchmark)
    grid_module._opened.cache_clear()
    yield Grid(problem=str(table), optimizers=("drawing", "again"), seeds=(0, 1, 2), budget_evaluations=5)
    grid_module._opened.cache_clear()


def digests(histories: tuple[History, ...]) -> list[str]:
    return [history.digest() for history in histories]


def run_script(out: Path, jobs: int, optimizers: str, seeds: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(out), str(jobs), optimizers, str(seeds)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_optimizer_races_with_every_seed(grid: Grid, tmp_path: Path) -> None:
    histories = run_grid(grid, out=tmp_path / "out")
    assert [(history.optimizer, history.seed) for history in histories] == [
        ("drawing", 0), ("drawing", 1), ("drawing", 2), ("again", 0), ("again", 1), ("again", 2),
    ]  # fmt: skip
    named = digests(histories)
    assert named[:3] == named[3:], "the same method with the same seed is the same race"
    assert len(set(named)) == 3
    assert files(tmp_path / "out") == [
        "experiment.json",
        *(f"races/{name}-{seed}.h5" for name in ("again", "drawing") for seed in range(3)),
    ]
    saved = History.load(tmp_path / "out/races/drawing-2.h5")
    assert saved.digest() == named[2]
    assert saved.wall_seconds > 0
    assert saved.benchmark == f"{grid.problem}, table"


def test_the_folder_says_what_was_raced_and_with_which_versions(grid: Grid, tmp_path: Path) -> None:
    run_grid(grid, out=tmp_path / "out")
    path = tmp_path / "out/experiment.json"
    experiment = read_description(path)
    assert experiment["optimizers"] == ["drawing", "again"]
    assert experiment["source"] == "table"
    assert len(str(experiment["benchmark_sha256"])) == 64
    document = json.loads(path.read_text())
    assert document["versions"]["numpy"] == np.__version__
    assert path.read_text() == json.dumps(document, sort_keys=True, indent=1) + "\n"


def test_a_finished_race_is_not_run_again(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_grid(grid, out=tmp_path / "out")
    (tmp_path / "out/races/drawing-1.h5").unlink()
    ran: list[str] = []
    run_race = grid_module.run_race

    def counted(race: Race) -> History:
        ran.append(str(race))
        return run_race(race)

    monkeypatch.setattr(grid_module, "run_race", counted)
    assert digests(run_grid(grid, out=tmp_path / "out")) == digests(first)
    assert ran == ["drawing, seed 1"]


def test_everybody_races_with_one_seed_before_the_next(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    run_race = grid_module.run_race

    def noted(race: Race) -> History:
        ran.append(race.seed)
        return run_race(race)

    monkeypatch.setattr(grid_module, "run_race", noted)
    run_grid(grid, out=tmp_path / "out")
    assert ran == [0, 0, 1, 1, 2, 2]


def test_a_damaged_race_is_run_again_and_said_so(grid: Grid, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = run_grid(grid, out=tmp_path / "out")
    path = tmp_path / "out/races/drawing-1.h5"
    path.write_bytes(path.read_bytes()[:1000])
    assert digests(run_grid(grid, out=tmp_path / "out")) == digests(first)
    assert "running the race of drawing, seed 1 again" in caplog.text
    assert History.load(path).digest() == first[1].digest()


def test_a_race_under_another_ones_name_is_run_again(grid: Grid, tmp_path: Path) -> None:
    first = run_grid(grid, out=tmp_path / "out")
    first[0].save(tmp_path / "out/races/drawing-1.h5")
    assert digests(run_grid(grid, out=tmp_path / "out")) == digests(first)


def test_progress_counts_finished_races(grid: Grid, tmp_path: Path) -> None:
    class Heard:
        def __init__(self) -> None:
            self.reached: list[float] = []

        def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
            self.reached.append(done)

    heard = Heard()
    run_grid(grid, out=tmp_path / "out", progress=heard)
    assert heard.reached == [0, 1, 2, 3, 4, 5, 6]
    heard.reached.clear()
    run_grid(grid, out=tmp_path / "out", progress=heard)
    assert heard.reached == [6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": (0, 1)}, r"holds another experiment: seeds is \[0, 1, 2\] there and \[0, 1\] here; choose another"),
        ({"budget_evaluations": 6}, "budget_evaluations is 5 there and 6 here"),
        ({"checkpointing": False}, "checkpointing is True there and False here"),
    ],
)
def test_the_folder_of_another_experiment_is_refused(
    change: dict[str, object], message: str, grid: Grid, tmp_path: Path
) -> None:
    run_grid(grid, out=tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(OutputConflict, match=message):
        run_grid(replace(grid, **change), out=tmp_path / "out")  # type: ignore[arg-type]
    assert files(tmp_path / "out") == before


def test_the_folder_of_another_benchmark_is_refused(grid: Grid, tmp_path: Path) -> None:
    run_grid(grid, out=tmp_path / "out")
    Path(grid.problem).write_bytes(b"filled again")
    with pytest.raises(OutputConflict, match="benchmark_sha256 is"):
        run_grid(grid, out=tmp_path / "out")


def test_a_folder_of_something_else_is_refused(grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(OutputConflict, match="exists and is no experiment's folder"):
        run_grid(grid, out=tmp_path)  # it holds toy.h5
    with pytest.raises(OutputConflict, match="exists and is no experiment's folder"):
        run_grid(grid, out=Path(grid.problem))


@pytest.mark.parametrize("text", ["", "{}", '{"format": "other"}'])
def test_a_foreign_experiment_file_is_refused(text: str, grid: Grid, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/experiment.json").write_text(text)
    with pytest.raises(FileProblem, match=r"expected the experiment.json of a folder that `bagbench compare` made"):
        run_grid(grid, out=tmp_path / "out")


def test_an_experiment_file_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "experiment.json"
    path.write_text('{"format": "bagbench-experiment", "version": 2, "experiment": {}}')
    with pytest.raises(FileProblem, match="format version 2, this bagbench reads up to 1"):
        read_description(path)


def test_an_unknown_optimizer_is_refused_before_anything_is_written(grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown optimizer 'drawin': .* did you mean 'drawing'"):
        run_grid(replace(grid, optimizers=("drawin",)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizers": ()}, "optimizers must be one or more different ones"),
        ({"seeds": (1, 1)}, "seeds must be one or more different ones"),
        ({"seeds": (-1,)}, "seeds must be whole numbers >= 0, got -1"),
        ({"budget_seconds": 0.0}, "budget_seconds is 0.0"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_an_impossible_grid_is_refused(change: dict[str, object], message: str, grid: Grid) -> None:
    with pytest.raises(InvalidArgument, match=message):
        replace(grid, **change)  # type: ignore[arg-type]


def test_an_error_names_its_race_and_keeps_the_finished_ones(grid: Grid, tmp_path: Path) -> None:
    failing = replace(grid, optimizers=("drawing", "waiting"))
    with pytest.raises(InvalidArgument, match=r"race of waiting, seed 0: Waiting\.ask\(\) returned None"):
        run_grid(failing, out=tmp_path / "out")
    assert files(tmp_path / "out/races") == ["drawing-0.h5"]


def test_a_bug_in_an_optimizer_names_its_race(grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="race of broken, seed 0: ZeroDivisionError: my own bug"):
        run_grid(replace(grid, optimizers=("broken",)), out=tmp_path / "out")


# --- real processes ------------------------------------------------------------------------------------------------


def test_one_process_and_two_give_the_same_histories(tmp_path: Path) -> None:
    one = run_script(tmp_path / "one", 1, "drawing", 5)
    two = run_script(tmp_path / "two", 2, "drawing", 5)
    assert one.returncode == two.returncode == 0, one.stderr + two.stderr
    assert len(one.stdout.splitlines()) == 5
    assert one.stdout == two.stdout
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_killed_worker_is_reported_and_leaves_only_whole_files(tmp_path: Path) -> None:
    run = run_script(tmp_path / "out", 2, "deadly", 4)
    assert run.returncode == 1
    assert "a worker process died (killed, or out of memory?) during one of these races: " in run.stderr
    assert "deadly, seed 2" in run.stderr
    for name in files(tmp_path / "out/races"):
        History.load(tmp_path / "out/races" / name)


def test_an_interrupted_grid_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(SCRIPT), str(out), "2", "slow", "6"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored if the tests run in the background
    )
    end = time.monotonic() + 60
    while not list(out.glob("races/*.h5")) and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
    assert process.wait(timeout=30) != 0
    finished = files(out / "races")
    assert 0 < len(finished) < 6
    before = {name: (History.load(out / "races" / name).digest(), (out / "races" / name).stat()) for name in finished}
    again = run_script(out, 2, "slow", 6)
    assert again.returncode == 0, again.stderr
    assert len(again.stdout.splitlines()) == 6
    for name, (digest, stat) in before.items():
        assert digest in again.stdout
        assert (out / "races" / name).stat().st_mtime_ns == stat.st_mtime_ns


@pytest.mark.skipif(not (DATA / "digits.h5").exists(), reason="no shipped table")
def test_races_on_a_table_are_answered_by_the_nearest_stored_configuration(tmp_path: Path) -> None:
    grid = Grid(problem="digits", source="table", optimizers=("random-search",), seeds=(0,), budget_evaluations=5)
    (history,) = run_grid(grid, out=tmp_path / "out")
    assert history.scored.all()
    stored = Table.open(DATA / "digits.h5").losses("val_error")
    assert set(history.losses[:, 0].tolist()) <= set(stored[:, -1].tolist())
