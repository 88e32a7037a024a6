"""What was measured: journals, tables, designs, populate, and the benchmark that answers by remembering."""

from __future__ import annotations

if __name__ == "tables":
    raise ImportError(
        "bagbench.tables was imported as top-level 'tables', because bagbench's own folder is on the import path "
        "(working directory or PYTHONPATH): write 'from bagbench import Table'; for PyTables, start Python elsewhere"
    )
