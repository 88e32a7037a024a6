"""docs/fashion.md says what is true: its commands exist, and its networks are as large as it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from typer.main import get_command

from bagbench.problems import get_problem
from bagbench.scripts import cli

PAGE = (Path(__file__).parents[2] / "docs" / "fashion.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    return [words[1:] for words in (shlex.split(line, comments=True) for line in lines) if words[:1] == ["bagbench"]]


def test_commands_and_options_exist() -> None:
    known = get_command(cli.app).commands  # type: ignore[attr-defined]
    shown = commands()
    assert {name for name, *_ in shown} == {"fetch", "query", "populate", "fit"}
    for name, *words in shown:
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options


def test_table_holds_the_networks_of_the_commands() -> None:
    problem = get_problem("fashion").with_objectives(["log10_params", "log10_macs"])
    rows = [
        [int(cell.replace(",", "")) for cell in row]
        for row in re.findall(r"^\| \d \| ([\d,]+) \| ([\d,]+) \| (\d+) \|", PAGE, re.MULTILINE)
    ]
    queries = [dict(zip(words[2::2], words[3::2], strict=True)) for words in commands() if words[0] == "query"]
    assert len(rows) == len(queries) == 3
    for (weights, macs, epochs), query in zip(rows, queries, strict=True):
        vector = problem.space.encode(json.loads(query["--config"]))
        assert [round(10**loss) for loss in problem.known_losses(vector[None])[0]] == [weights, macs]
        assert epochs == int(query["--epochs"])
        assert query["--source"] == "trainer"
