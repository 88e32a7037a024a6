"""Make ``table-v1.h5``: eight real runs of `digits`, two of them replicates.

Tables of format version 1 have to open for ever, so it is made once and kept; the format's next version gets a file of
its own beside it. ``python tests/golden/make_table.py OUT.h5``
"""

from __future__ import annotations

import sys
from pathlib import Path

from bagbench.tables.designs import Plan
from bagbench.tables.executor import InProcess
from bagbench.tables.merge import merge_journal
from bagbench.tables.populate import collect, settle_plan


def main() -> None:
    out = Path(sys.argv[1])
    plan = settle_plan(out, lambda: Plan(problem="digits", replicates=0.25, seed=1), resume=False)
    collect(out, plan, range(8), executor=InProcess(), jobs=1)
    merge_journal(out)


if __name__ == "__main__":
    main()
