"""Progress and JSON for people and programs."""

from __future__ import annotations

import json
import math
import re
import time

import pytest
import typer

from bagbench.scripts.console import Bar, print_json, resumable


def test_without_a_terminal_progress_is_ten_lines_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("racing", "races", 1000) as bar:
        for done in range(1001):
            bar.update(done)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"racing: {100 * tenth} of 1000 races" for tenth in range(1, 11)]


def test_total_may_come_with_the_first_update(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("fitting", "forests") as bar:
        bar.update(1, 2)
        bar.update(2, 2)
    assert capsys.readouterr().err.splitlines() == ["fitting: 1 of 2 forests", "fitting: 2 of 2 forests"]


def test_on_a_terminal_progress_shows_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    with Bar("racing", "races", 4) as bar:
        for done in range(4):
            bar.update(done)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "races/s" in captured.err
    assert "3/4" in captured.err


def test_what_was_done_before_does_not_count_for_the_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    with Bar("training", "runs") as bar:
        bar.update(10**9, 10**9 + 5)
        for done in range(1, 5):
            time.sleep(0.05)
            bar.update(10**9 + done)
    rates = [float(rate) for rate in re.findall(r"([0-9.e+]+) runs/s", captured(capsys))]
    assert rates
    assert max(rates) <= 20  # one in 0.05 s or more


def captured(capsys: pytest.CaptureFixture[str]) -> str:
    """Give what was shown on stderr, without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)


def test_json_has_null_where_numbers_are_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1.5, math.nan], "b": {"c": (math.inf, "word", True)}})
    assert json.loads(capsys.readouterr().out) == {"a": [1.5, None], "b": {"c": [None, "word", True]}}


def test_interruption_ends_with_130_and_a_word_on_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, resumable():
        raise KeyboardInterrupt
    assert left.value.exit_code == 130
    assert "the same command goes on from there" in capsys.readouterr().err
