"""A populate that is killed over and over: run as a script by ``test_populate_killed.py``.

``python killing.py TABLE RUNS LIVES`` forks two collecting processes at a time, which train and merge for real, and
kills each with SIGKILL at a random moment, LIVES times in all; then one is left in peace. It prints how many were
killed. Everything heavy is imported before forking, so a life begins within milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

import bagbench.problems.trainer  # noqa: F401 - to have it before forking
from bagbench.problems.datasets import load_data_set
from bagbench.tables.designs import Plan
from bagbench.tables.executor import InProcess
from bagbench.tables.merge import merge_journal
from bagbench.tables.populate import collect, settle_plan


def live(table: Path, runs: int) -> None:
    plan = settle_plan(table, lambda: Plan(problem="digits", replicates=0.2, epochs=1), resume=True)
    collect(table, plan, range(runs), executor=InProcess(), jobs=1)
    merge_journal(table)


def start(table: Path, runs: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        live(table, runs)
    except BaseException as error:  # noqa: BLE001 - a forked child must not return to its parent's code
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def main() -> None:
    table, runs, lives = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = np.random.default_rng(0)
    load_data_set("digits")
    killed = failed = 0
    for life in range(lives // 2):
        wanted = 1 + life * runs // (lives // 2)  # so that all lives collect, and many get as far as merging
        children = [start(table, wanted), start(table, wanted)]
        for child in children:
            time.sleep(float(rng.exponential(0.15)))
            os.kill(child, signal.SIGKILL)
            code = os.waitpid(child, 0)[1]
            killed += code == signal.SIGKILL
            failed += code not in (0, signal.SIGKILL)
    code = os.waitpid(start(table, runs), 0)[1]
    print(killed, failed + (code != 0))


if __name__ == "__main__":
    main()
