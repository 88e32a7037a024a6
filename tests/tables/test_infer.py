"""The rule by which a search space is inferred from columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bagbench.problems.errors import BadRows, InvalidArgument
from bagbench.problems.space import Space
from bagbench.tables.infer import Inferred, infer_space
from bagbench.tables.layout import Goal, Layout
from bagbench.tables.sheets import Cell, Sheet

LAYOUT = Layout(goals=(Goal(name="loss"),), cost="seconds")


def infer(**columns: list[Cell]) -> Inferred:
    n = len(next(iter(columns.values())))
    measured: dict[str, list[Cell]] = {"loss": ["1"] * n, "seconds": ["1"] * n}
    sheet = Sheet(path=Path("runs.csv"), columns={**columns, **measured}, rows=range(2, n + 2), sha256="")
    return infer_space(sheet, LAYOUT, name="mine")


RULE: dict[str, tuple[list[Cell], dict[str, object]]] = {
    "constant number": (["3", "3"], {"type": "constant", "value": 3}),
    "constant word": (["adam", "adam"], {"type": "constant", "value": "adam"}),
    "constant truth": (["True", "true"], {"type": "constant", "value": True}),
    "truth": (["true", "False"], {"type": "categorical", "choices": [False, True]}),
    "truth of Parquet": ([True, False], {"type": "categorical", "choices": [False, True]}),
    "whole": (["3", "7", "5.0"], {"type": "uniform_int", "lower": 3, "upper": 7, "log": False}),
    "whole, wide": (["1", "101"], {"type": "uniform_int", "lower": 1, "upper": 101, "log": True}),
    "a hundredfold is not wide": (["1", "100"], {"type": "uniform_int", "lower": 1, "upper": 100, "log": False}),
    "from zero": (["0", "1000"], {"type": "uniform_int", "lower": 0, "upper": 1000, "log": False}),
    "real": (["0.1", "0.5"], {"type": "uniform_float", "lower": 0.1, "upper": 0.5, "log": False}),
    "real, wide": ([1e-5, 0.1], {"type": "uniform_float", "lower": 1e-5, "upper": 0.1, "log": True}),
    "below zero": (["-5.5", "500"], {"type": "uniform_float", "lower": -5.5, "upper": 500.0, "log": False}),
    "words": (["tanh", "relu", "tanh"], {"type": "categorical", "choices": ["relu", "tanh"]}),
    "words and none": (["cosine", "none"], {"type": "categorical", "choices": ["cosine", "none"]}),
    "words and truth": (["auto", "true"], {"type": "categorical", "choices": ["auto", "true"]}),
    "numbers with gaps": (["1", None, "2", "nan"], {"type": "uniform_int", "lower": 1, "upper": 2, "log": False}),
}


@pytest.mark.parametrize("case", RULE)
def test_column_becomes_a_parameter_by_the_rule(case: str) -> None:
    cells, expected = RULE[case]
    (item,) = json.loads(json.dumps(infer(x=cells).document))["hyperparameters"]
    assert {key: item[key] for key in expected} == expected
    assert type(item.get("value")) is type(expected.get("value"))
    assert item["name"] == "x"


def test_space_is_one_of_configspaces_and_holds_the_runs() -> None:
    pytest.importorskip("ConfigSpace")
    columns = {f"x{i}": [cells[0], cells[1]] for i, (cells, _) in enumerate(RULE.values()) if None not in cells}
    document = infer(**columns).document
    space = Space.from_json(json.dumps(document))
    theirs = space.configspace()
    assert set(theirs) == set(columns)
    for name, hyperparameter in theirs.items():
        assert hyperparameter.default_value == space.parameters[space.index[name]].default
        assert hyperparameter.legal_value(hyperparameter.default_value)


def test_every_column_is_explained() -> None:
    inferred = infer(lr=["0.001", "0.9"], note=[None, None], second=["1", None], host=["a", "b"])
    assert inferred.decisions == (
        "lr: a number in [0.001, 0.9] (log scale)",
        "note: empty, left out",
        "second: always 1; empty in 1 of 2 rows: add a condition that says when it is inactive",
        "host: one of a, b",
    )
    many = infer(name=[f"run {i}" for i in range(30)]).decisions[0]
    assert many.endswith("; so many words: take it out if it is a name or a remark")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "2", "many"], r"'x' holds numbers and words in a row \(row 4: 'many'\): expected one kind, or a space"),
        (["few", "many", "3"], r"'x' holds numbers and words in a row \(row 4: '3'\)"),
        (["1", "2", "true"], r"'x' holds numbers and words in a row \(row 4: 'true'\)"),
        (["1", "inf", "2"], r"'x' is not finite in a row \(row 3: 'inf'\): expected a number, or an empty cell"),
    ],
)
def test_column_of_mixed_types_is_refused(cells: list[Cell], message: str) -> None:
    with pytest.raises(BadRows, match=message):
        infer(x=cells)


def test_sheet_without_a_column_left_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no column left that could be a hyperparameter: all are loss, seconds"):
        infer(x=[None, None])
