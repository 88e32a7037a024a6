"""``python -m bagbench.scripts.weighting``: from tables to a page, or one complaint and no page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from bagbench.tables.table import Table


def weighting(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bagbench.scripts.weighting", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_page_has_a_row_for_every_metric_and_weight(table: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    done = weighting(table, "--members", 1, "--page", page)
    assert done.returncode == 0, done.stderr
    rows = [line for line in page.read_text().splitlines() if line.startswith(f"| {table.stem} |")]
    assert [row.split(" | ")[2] for row in rows] == ["none", "root", "all"] * 4
    for _, root, everything in zip(*[iter(rows)] * 3, strict=True):  # all of these runs were included for certain
        assert root.count("(+0.0000 to +0.0000)") == everything.count("(+0.0000 to +0.0000)") == 2


def test_too_small_a_table_leaves_no_page(table: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.h5"
    Table.open(table).take(np.arange(10)).save(few)
    done = weighting(few, "--page", tmp_path / "page.md")
    assert done.returncode != 0
    assert "at least 20 whole runs to learn from, the table has 10" in " ".join(done.stderr.split())
    assert not (tmp_path / "page.md").exists()
