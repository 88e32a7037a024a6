"""The room cannot be mistaken for PyTables, and asks for little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python(code: str, folder: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_import_as_pytables_says_what_to_do() -> None:
    done = python("import tables", ROOT)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: bagbench.tables was imported as top-level 'tables', because bagbench's own folder is on the "
        "import path (working directory or PYTHONPATH): write 'from bagbench import Table'; for PyTables, start Python "
        "elsewhere"
    )


def test_import_as_a_room_works_from_anywhere() -> None:
    done = python("import bagbench.tables; from bagbench import Table; print(Table.__name__)", "/")
    assert (done.stdout, done.stderr) == ("Table\n", "")


def test_reading_tables_needs_neither_torch_nor_journals() -> None:
    code = "import bagbench.tables.benchmark\nprint(*{'torch', 'bagbench.tables.lock'} & {*sys.modules})"
    assert python(code, "/").stdout == "\n"
