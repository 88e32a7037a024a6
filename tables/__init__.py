"""What was measured: journals, tables, designs, populate, and the benchmark that answers by remembering."""

from __future__ import annotations

if __name__ == "tables":
    raise ImportError(
        "this is a room of bagbench and was imported as top-level 'tables', because bagbench's own folder is on the import "
        "path (working directory, PYTHONPATH or sys.path): write 'from bagbench import Table'; if you meant PyTables, "
        "start Python from another folder"
    )
