"""``python -m bagbench.scripts.manifest``: write ``data/manifest.json``, the papers of all shipped data files.

For each file: sha256 and size, the command that made it, what it was made from and with, and the licence. Everything
is read from the files themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..problems.files import write_atomically
from ..surrogates.benchmark import SurrogateBenchmark
from ..tables.designs import Plan
from ..tables.table import Table

DATA = Path(__file__).parents[1] / "data"
LICENCES: Mapping[str, str] = {
    "digits": "Apache-2.0; trained on UCI's Optical Recognition of Handwritten Digits, CC BY 4.0, from scikit-learn",
    "flowers": "Apache-2.0; trained on Oxford's 17 flowers, whose photographs are for research use, and are not here",
    "fashion": "Apache-2.0; trained on Fashion-MNIST, MIT licence",
}


def main() -> None:
    """Write the manifest of the package's data folder."""
    files = {path.name: describe(path) for path in sorted([*DATA.glob("*.h5"), *DATA.glob("*.onnx")])}
    write_atomically(DATA / "manifest.json", json.dumps(files, indent=1, sort_keys=True) + "\n")


def describe(path: Path) -> Mapping[str, object]:
    """Describe one data file."""
    content = path.read_bytes()
    papers = _describe_table(path) if path.suffix == ".h5" else _describe_surrogate(path)
    licence = LICENCES[str(papers["problem"])]
    return {"sha256": sha256(content).hexdigest(), "bytes": len(content), "licence": licence, **papers}


def _describe_table(path: Path) -> Mapping[str, object]:
    table = Table.open(path)
    _, counts = np.unique(table.runs.digests, return_counts=True)
    started = table.runs.started
    return {
        "command": "" if table.plan is None else populate_command(table.plan, len(table), path.name),
        "problem": table.problem.name,
        "data_set_sha256": table.data_set,
        "runs": len(table),
        "configurations": len(counts),
        "configurations_with_replicates": int((counts > 1).sum()),
        "trained_between": [str(np.datetime64(int(moment), "s")) for moment in (started.min(), started.max())],
        "environments": [json.loads(text) for text in sorted(set(table.runs.environments))],
    }


def populate_command(plan: Plan, runs: int, file: str) -> str:
    """Give the command that makes a table of this plan."""
    words = ["bagbench", "populate", plan.problem, "--runs", str(runs), "--design", plan.design]
    if plan.cost is not None:
        words += ["--target-seconds", f"{plan.target_seconds:g}"]
    words += ["--replicates", f"{plan.replicates:g}", "--design-seed", str(plan.seed), "--jobs", "2"]
    return " ".join([*words, "--out", f"data/{file}"])


def _describe_surrogate(path: Path) -> Mapping[str, object]:
    surrogate = SurrogateBenchmark(path)
    return {
        "command": fit_command(path.stem, surrogate.provenance),
        "problem": surrogate.problem.name,
        "card": _in_short(surrogate.card),
        **surrogate.provenance,
    }


def _in_short(card: Mapping[str, Any]) -> Mapping[str, object]:
    """Give a card's scores at full fidelity; the file has all of it."""
    scores = {name: metric["full_fidelity"] for name, metric in card["metrics"].items()}
    return {"runs": card["runs"], "configurations": card["configurations"], "full_fidelity": scores}


def fit_command(name: str, provenance: Mapping[str, Any]) -> str:
    """Give the command that makes the surrogate of this provenance from the table of the same name."""
    words = ["bagbench", "fit", f"data/{name}.h5"]
    if provenance["recipe"]["teacher"]["model"] != "both":
        words += ["--model", provenance["recipe"]["teacher"]["model"]]
    if "tuning" in provenance:
        words += ["--tune", str(provenance["tuning"]["trials"])]
    return " ".join([*words, "--out", f"data/{name}.onnx"])


if __name__ == "__main__":
    main()
