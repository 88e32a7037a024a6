"""What a surrogate file says beside its model: problem, scales, the profile of time, the noise, and the evidence."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.document import problem_from_json, problem_to_json
from ..problems.errors import FileProblem
from ..problems.problem import Problem
from .domain import Domain
from .features import Features
from .noise import Noise
from .targets import Target

KIND, VERSION = "bagbench-surrogate", 5
_HALF_PRECISE = (1e-2, 6e4)  # what the largest draw of a head may be for half precision to hold all that matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The metadata of a surrogate."""

    problem: Problem
    targets: tuple[Target, ...]
    """One per head: trained metrics in the order of ``problem.metrics``, then `targets.SECONDS`."""
    profile: NDArray[np.float64]
    """(E,) cumulative seconds after each epoch, in units of the mean epoch: the shape that all runs share."""
    noise: Noise
    card: Mapping[str, object]
    """The quality card, see `bagbench.surrogates.quality`."""
    provenance: Mapping[str, object]
    """Table, options, versions."""
    domain: Domain | None = None
    """Configurations that are near enough to what was learnt from; None in files that do not tell."""
    answers_sha256: str = ""
    """Of all that answers depend on, which card, provenance and domain do not; empty in files that do not tell."""
    has_network: bool = False
    """Whether one network answers for all heads; older files have a forest for each."""

    def to_json(self) -> str:
        """Write it as JSON."""
        scales = _scales(self.noise)
        is_scaled = bool((scales != 1.0).any())
        adds = (self.noise.adds / scales).astype("<f2")
        document = {
            "format": KIND,
            "version": VERSION,
            "has_network": self.has_network,
            "problem": json.loads(problem_to_json(self.problem)),
            "features": Features(self.problem).names,
            "heads": [_write_head(target) for target in self.targets],
            "profile": self.profile.tolist(),
            "noise": {
                "edges": self.noise.edges.tolist(),
                "shape": adds.shape,
                "keeps": base64.b64encode(np.packbits(self.noise.keeps > 0).tobytes()).decode(),
                "adds": base64.b64encode(adds.tobytes()).decode(),
                **({"scales": scales.tolist()} if is_scaled else {}),
            },
            "card": self.card,
            "provenance": self.provenance,
            "domain": None if self.domain is None else self.domain.to_document(),
            "answers_sha256": self.answers_sha256,
        }
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str, path: Path) -> Description:
        """Read what `to_json` wrote into the file at ``path``.

        Raises
        ------
        FileProblem
            If it is something else, of a newer version, or made with other features than this code computes.
        """
        document: dict[str, Any] = json.loads(text) if text else {}
        if document.get("format") != KIND:
            raise FileProblem(f"{path} is an ONNX model, but not a surrogate of bagbench's")
        if document["version"] > VERSION:
            raise FileProblem(
                f"{path} has version {document['version']} of {KIND}, this bagbench reads up to {VERSION}: "
                "update bagbench"
            )
        problem = problem_from_json(json.dumps(document["problem"]))
        if tuple(document["features"]) != Features(problem).names:
            raise FileProblem(f"{path} was fitted with other features than this bagbench computes: fit it again")
        return cls(
            problem=problem,
            targets=tuple(map(_read_head, document["heads"])),
            profile=np.array(document["profile"]),
            noise=_read_noise(document["noise"]),
            card=document["card"],
            provenance=document["provenance"],
            domain=Domain.from_document(document["domain"]) if document.get("domain") else None,
            answers_sha256=document.get("answers_sha256", ""),
            has_network=document.get("has_network", False),
        )


def _write_head(target: Target) -> Mapping[str, object]:
    """Write how a metric is predicted; only from version 5 on heads may have levels."""
    high = target.high if math.isfinite(target.high) else None
    head = {"name": target.name, "low": target.low, "high": high, "scale": target.scale}
    return {**head, "levels": target.levels} if target.levels else head


def _read_head(head: Mapping[str, Any]) -> Target:
    high = math.inf if head["high"] is None else head["high"]
    return Target(**{**head, "high": high, "levels": tuple(head.get("levels", ()))})


def _scales(noise: Noise) -> NDArray[np.float32]:
    """Choose what each head's draws (h,) are divided by before they are kept in half precision; mostly 1."""
    largest = np.abs(noise.adds).max(axis=(0, 1, 2), initial=0.0)
    low, high = _HALF_PRECISE
    return np.where((largest == 0) | ((low <= largest) & (largest <= high)), 1.0, largest).astype(np.float32)


def _read_noise(document: Mapping[str, Any]) -> Noise:
    """Read the library of draws.

    Version 1 kept residuals only, which all keep what was predicted; only from version 3 on draws may be scaled.
    """
    shape = document["shape"]
    coded = document["adds"] if "adds" in document else document["residuals"]
    adds = np.frombuffer(base64.b64decode(coded), dtype="<f2").reshape(shape).astype(np.float32)
    adds *= np.array(document.get("scales", 1.0), dtype=np.float32)
    keeps = np.ones(shape, dtype=np.float32)
    if "keeps" in document:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(document["keeps"]), dtype=np.uint8), count=adds.size)
        keeps = bits.reshape(shape).astype(np.float32)
    return Noise(edges=np.array(document["edges"]), keeps=keeps, adds=adds)
