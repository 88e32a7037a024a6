"""CSV and Parquet files as columns of cells."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from bagbench.problems.errors import BadRows, FileProblem, MissingExtra
from bagbench.tables import sheets
from bagbench.tables.infer import infer_space
from bagbench.tables.layout import Goal, Layout
from bagbench.tables.sheets import number, read_sheet


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_cells_are_texts_and_empty_ones_are_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "runs.csv", '\ufeffa, b\r\n1,"x, y"\r\n\r\n,"two\nlines"\r\n')
    sheet = read_sheet(path)
    assert sheet.columns == {"a": ["1", None], "b": ["x, y", "two\nlines"]}
    assert sheet.rows == [2, 4]
    assert len(sheet) == 2
    assert sheet.sha256 == sha256(path.read_bytes()).hexdigest()


def test_parquet_cells_have_their_types(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "runs.parquet"
    columns = {"a": [1, None], "b": [0.5, math.inf], "c": [True, False], "d": ["x", None]}
    parquet.write_table(pyarrow.table(columns), path)
    sheet = read_sheet(path)
    assert sheet.columns == columns
    assert list(sheet.rows) == [0, 1]
    assert sheet.sha256 == sha256(path.read_bytes()).hexdigest()


def test_long_file_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_PIECE", 100)
    path = written(tmp_path / "runs.csv", "a,b\n" + "1,2\n" * 200)
    told: list[tuple[int, int]] = []
    read_sheet(path, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 804) for done in range(100, 801, 100)]


@pytest.mark.parametrize(
    ("cell", "value"), [("1", 1), (" 2.5e-3 ", 0.0025), (3, 3), ("-inf", -math.inf), (0.5, 0.5), ("1e400", math.inf)]
)
def test_number_is_read(cell: str | float, value: float) -> None:
    assert number(cell) == value


@pytest.mark.parametrize("cell", [None, "", "NaN", "na", " None ", "null", "N/A", math.nan])
def test_missing_number_is_nan(cell: str | float | None) -> None:
    assert math.isnan(number(cell))


@pytest.mark.parametrize("cell", ["1_000", "high", "1,5", True])
def test_what_is_no_number_is_not_taken_for_one(cell: str | bool) -> None:
    with pytest.raises(ValueError, match=str(cell)):
        number(cell)


BAD: dict[str, tuple[str, str | bytes, str]] = {
    "empty": ("a.csv", "", "has no rows: expected a line of column names and a row for each"),
    "names only": ("a.csv", "a,b\n", "has no rows"),
    "semicolons": ("a.csv", "a;b\n1;2\n", "separated by semicolons or tabs: save it with commas"),
    "tabs": ("a.csv", "a\tb\n1\t2\n", "separated by semicolons or tabs"),
    "nameless": (
        "a.csv",
        ",a\n0,1\n",
        r"column 1 has no name in row 1: name it \(pandas: to_csv\(..., index=False\)\)",
    ),
    "same name": ("a.csv", "a,b,a\n1,2,3\n", "two columns have the same name: a"),
    "not UTF-8": ("a.csv", b"a,b\n1,2\n\xff\xfe,2\n", "row 3: not UTF-8 text .*: save it as CSV, UTF-8"),
    "broken quotes": ("a.csv", 'a,b\n1,"2"3\n', "row 2: not CSV"),
    "unclosed quote": ("a.csv", 'a,b\n1,"2\n', "row 2: not CSV"),
    "another kind": ("a.xlsx", "PK", r"expected a file of runs whose name ends in \.csv or \.parquet"),
    "no Parquet": ("a.parquet", "a,b\n1,2\n", "not a Parquet file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_file_that_is_no_sheet_is_refused(kind: str, tmp_path: Path) -> None:
    name, content, message = BAD[kind]
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(FileProblem, match=message):
        read_sheet(written(tmp_path / name, content))


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="no such file: expected a .csv or .parquet file of runs"):
        read_sheet(tmp_path / "a.csv")


def test_rows_of_another_length_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,b\n1,2\n1,2,3\n1\n")
    with pytest.raises(
        BadRows, match=r"not as many cells as there are columns in 2 rows \(row 3: 3, row 4: 1\): expec"
    ):
        read_sheet(path)


def test_parquet_cells_that_are_no_values_are_told(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"lists": [[1, 2], [3]], "loss": [0.1, 0.2], "seconds": [1.0, 2.0], "lr": [0.5, 0.6]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    sheet, layout = read_sheet(tmp_path / "a.parquet"), Layout(goals=(Goal(name="loss"),), cost="seconds")
    assert sheet.columns["lists"] == [None, None]
    layout.check(sheet, ("lr",))
    complaint = r"column 'lists' holds neither numbers nor words in 2 rows \(row 0: \[1, 2\], row 1"
    with pytest.raises(BadRows, match=complaint):
        layout.check(sheet, ("lr", "lists"))
    inferred = infer_space(sheet, layout, name="mine")
    assert inferred.decisions == ("lists: neither numbers nor words, left out", "lr: a number in [0.5, 0.6]")


def test_decimals_are_numbers_and_bytes_are_words(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"a": [Decimal("0.25"), None], "b": [b"x", b"y"], "c": [b"\xff", b"z"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    sheet = read_sheet(tmp_path / "a.parquet")
    assert sheet.columns == {"a": [0.25, None], "b": ["x", "y"], "c": [None, None]}
    assert set(sheet.odd) == {"c"}


def test_empty_words_are_nothing_in_parquet_as_in_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": ["", "x"]}), tmp_path / "a.parquet")
    assert read_sheet(tmp_path / "a.parquet").columns == {"a": [None, "x"]}


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"reading Parquet needs pyarrow, .*pip install 'bagbench\[parquet\]'"):
        read_sheet(written(tmp_path / "a.parquet", "a"))
