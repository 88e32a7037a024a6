"""README.md and EXTENDING.md say what is true: their code runs, their commands exist, their table is the catalogue."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from bagbench.optimizers import METHODS
from bagbench.scripts import cli
from bagbench.simulator.benchmarks import DATA

ROOT = Path(__file__).parents[2]
README, EXTENDING = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "EXTENDING.md"))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SNIPPETS = blocks(README, "python") + blocks(EXTENDING, "python")


def test_snippets_are_found() -> None:
    assert len(SNIPPETS) == 4
    assert len(SNIPPETS[0].split("\n\n", 1)[1].splitlines()) + 2 <= 10


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["ten lines", "own optimizer", "second chance", "own benchmark"])
def test_snippet_runs(snippet: str, empty_folder: Path) -> None:
    if '"digits"' in snippet and not (DATA / "digits.onnx").is_file():
        pytest.skip("no surrogate of digits is shipped")
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=empty_folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(empty_folder.iterdir())


def test_commands_and_options_exist() -> None:
    lines = [
        line.partition("#")[0] for block in blocks(README, "sh") for line in block.replace("\\\n", "").splitlines()
    ]
    commands = get_command(cli.app).commands  # type: ignore[attr-defined]
    shown = set()
    for program, name, *words in (shlex.split(line) for line in lines if line.startswith("bagbench")):
        assert program == "bagbench"
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
        shown.add(name)
    assert shown == set(commands)


def test_table_of_optimizers_is_the_catalogue() -> None:
    rows = re.findall(r"^\| `.*$", README, re.MULTILINE)
    assert rows == [
        f"| `{name}` | {method.idea} | {method.kind} | {method.source} |" for name, method in METHODS.items()
    ]


def test_links_to_files_lead_somewhere() -> None:
    prose = re.sub(r"^```.*?^```$", "", README + EXTENDING, flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", prose) if not link.startswith("https://")]
    assert {"docs/race.svg", "EXTENDING.md", "CITATION.cff"} <= set(links)
    assert all((ROOT / link).is_file() for link in links)
