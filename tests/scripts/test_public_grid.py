"""The evidence on a public grid as a command: makes what is missing, keeps what is finished, writes the page."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from bagbench.analysis import public_grid_cell
from bagbench.analysis.public_grid_cell import Cell
from bagbench.problems.errors import FileProblem, InvalidArgument, UnknownName
from bagbench.scripts.public_grid import public_grid
from bagbench.surrogates import training
from bagbench.surrogates.training import Recipe

TASKS = ("naval_propulsion", "parkinsons_telemonitoring")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> Path:
    """A corner of the grid for two tasks, 216 configurations, and a recipe that costs nothing."""
    monkeypatch.setattr(training, "Recipe", lambda: recipe)
    rng = np.random.default_rng(0)
    for task in TASKS:
        grid = {}
        for rate, first, second in np.ndindex(6, 6, 6):
            error = 0.1 + 0.1 * abs(rate - 2) + 1 / (1 + first + second)
            grid[f"00000{rate}0{first}{second}"] = {
                "train_time": (100.0 * (1 + first) * rng.uniform(0.9, 1.1, 4)).tolist(),
                "val_loss": (error * rng.uniform(0.9, 1.1, 4)).tolist(),
                "model_size": [float(449 * 2 ** (first + second))] * 4,
            }
        (tmp_path / f"{task}.pkl").write_bytes(pickle.dumps(grid, protocol=4))
    return tmp_path


def run(
    data: Path, *, tasks: str = ",".join(TASKS), shares: str = "10,20", seed: int = 0, as_json: bool = False
) -> str:
    page = Path("page.md")
    public_grid(Path("out/grid"), page, tasks, shares, seed, data, as_json)
    return page.read_text(encoding="utf-8")


def test_command_fits_scores_and_writes_the_page(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = run(data, as_json=True)
    told = capsys.readouterr()
    cells = json.loads(told.out)
    assert {(cell["task"], cell["share"], cell["configurations"], cell["unseen"]) for cell in cells} == {
        (task, *rest) for task in TASKS for rest in ((0.1, 22, 194), (0.2, 43, 173))
    }
    assert all(set(cell["scores"]) == {"bagbench", "xgboost"} for cell in cells)
    assert "4 of 4 cells" in told.err and "wrote page.md: 4 cells" in told.err
    assert all(f"## {task}" in page for task in TASKS)
    assert f"public_grid --tasks {','.join(TASKS)} --shares 10,20\n" in page and "Not run" not in page


def test_finished_cells_are_kept_and_others_made(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []
    make = public_grid_cell.make_cell

    def counted(*args: Any, share: float, **options: Any) -> Cell:
        made.append(share)
        if len(made) == 2:
            raise KeyboardInterrupt
        return make(*args, share=share, **options)

    monkeypatch.setattr(public_grid_cell, "make_cell", counted)
    with pytest.raises(typer.Exit):
        run(data, tasks=TASKS[0])
    assert f"Not run yet: 20 % of {TASKS[0]}." in Path("page.md").read_text(encoding="utf-8")
    page = run(data, tasks=TASKS[0])
    assert made == [0.1, 0.2, 0.2]
    assert run(data, tasks=TASKS[0]) == page
    assert "10 %: 22 configurations" in page and "20 %: 43 configurations" in page
    both = run(data, tasks=TASKS[1], shares="10")
    assert f"## {TASKS[0]}" in both and f"## {TASKS[1]}" in both  # what is there from before is told of, too
    assert made == [0.1, 0.2, 0.2, 0.1]
    page = run(data, tasks=TASKS[0], shares="10", seed=1)
    assert made[4:] == [0.1]
    assert "20 %" not in page and "--shares 10 --seed 1\n" in page


def test_bad_options_are_refused(data: Path) -> None:
    for shares in ("", "0", "100", "5,x", "-1"):
        with pytest.raises(InvalidArgument, match="expected percents between 0 and 100, such as 1,5,20"):
            run(data, shares=shares)
    with pytest.raises(UnknownName, match="unknown task of fcnet 'naval'.*did you mean 'naval_propulsion'"):
        run(data, tasks="naval")
    with pytest.raises(InvalidArgument, match="--tasks is empty: expected some of naval_propulsion"):
        run(data, tasks=",")
    with pytest.raises(FileProblem, match="cannot write nowhere/page.md: there is no folder nowhere; make it first"):
        public_grid(page=Path("nowhere/page.md"))
    assert not Path("out").exists()
