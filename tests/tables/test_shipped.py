"""The shipped table against the true trainer: its runs can be made again.

On the processor and with the torch that a run was made with, its curves come back to the last bit. Elsewhere sums are
taken in another order, and training amplifies the difference: then only the first epoch of networks with a small
learning rate is compared, to 1e-3 in its mean training loss.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from bagbench.simulator.benchmarks import DATA
from bagbench.tables.table import Table

pytest.importorskip("torch")
SHIPPED = DATA / "digits.h5"
COMPARED = ("val_accuracy", "test_accuracy", "val_loss", "train_loss")
SAME = ("processor", "torch", "device", "threads")


@pytest.mark.skipif(not SHIPPED.is_file(), reason="no table of digits is shipped")
def test_a_few_shipped_runs_are_found_again() -> None:
    from bagbench.problems.trainer import Trainer

    table = Table.open(SHIPPED)
    runs = table.runs
    trainer = Trainer(table.problem, device="cpu")
    rates = [table.problem.space.decode(vector)["lr_init"] for vector in runs.vectors]
    seconds = np.where(np.array(rates, dtype=float) < 1e-2, runs.curves["train_seconds"].sum(axis=1), np.inf)
    for row in np.argsort(seconds, kind="stable")[[0, 40, 200, 400]].tolist():
        stored = {name: runs.curves[name][row] for name in COMPARED}
        made = json.loads(runs.environments[row])
        exact = all(made[name] == trainer.environment[name] for name in SAME)
        record = trainer.record(runs.vectors[row], epochs=25 if exact else 1, seed=int(runs.seeds[row]))
        if exact:
            for name in COMPARED:
                np.testing.assert_array_equal(record.curves[name], stored[name])
        else:
            np.testing.assert_allclose(record.curves["train_loss"][0], stored["train_loss"][0], rtol=1e-3)
