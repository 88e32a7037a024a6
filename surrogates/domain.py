"""The domain of a surrogate: configurations near enough to runs that it has learnt from.

The distance between two configurations is the mean over hyperparameters of how far apart they are, from 0 to 1: by
their place between the bounds, by equality where they have no order, and 1 where only one of the two uses it (Gower
1971, Biometrics 27). A configuration is in the domain if its nearest run is no farther than that of nearly all runs.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..problems.parameters import Choice
from ..problems.problem import Vectors
from ..problems.space import Space

if TYPE_CHECKING:
    from .examples import Examples

Array = NDArray[np.float64]
Codes = NDArray[np.uint8]

_UNUSED, _STEPS = 255, 250  # codes of what is inactive, and of the upper bound
_MOST = 5_000  # configurations that are remembered
_NEARLY_ALL = 0.99
_BLOCK = 64  # configurations that are held against all that are remembered at a time


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Configurations that were learnt from, and how far from them is too far."""

    codes: Codes
    """(k, d) rounded configurations."""
    unordered: NDArray[np.bool_]
    """(d,) whose values are equal or not."""
    limit: float

    def distances(self, codes: Codes) -> Array:
        """Give the distance (n,) of ``codes`` (n, d) to the nearest configuration."""
        return self._to_neighbour(codes, 0)

    def gaps(self) -> Array:
        """Give the distance (k,) of each configuration to the nearest other one; the nearest of all is itself."""
        return self._to_neighbour(self.codes, 1)

    def _to_neighbour(self, codes: Codes, rank: int) -> Array:
        """Give the distance (n,) to the configuration that is nearest but for ``rank`` nearer ones."""
        found = np.empty(len(codes))
        for start in range(0, len(codes), _BLOCK):
            block = codes[start : start + _BLOCK, None, :]
            steps = np.abs(block.astype(np.int16) - self.codes) / _STEPS
            differ = (block == _UNUSED) != (self.codes == _UNUSED)
            apart = np.where(differ | (self.unordered & (steps > 0)), 1.0, steps).mean(axis=2)
            found[start : start + _BLOCK] = np.partition(apart, rank, axis=1)[:, rank]
        return found

    def contains(self, space: Space, vectors: Vectors) -> NDArray[np.bool_]:
        """Tell which of the configurations (n, d) are near enough."""
        inside: NDArray[np.bool_] = self.distances(encode(space, vectors)) <= self.limit
        return inside

    def to_document(self) -> Mapping[str, object]:
        """Write it for JSON."""
        return {
            "configurations": len(self.codes),
            "codes": base64.b64encode(self.codes.tobytes()).decode(),
            "unordered": self.unordered.tolist(),
            "limit": self.limit,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Domain:
        """Read what `to_document` wrote."""
        codes = np.frombuffer(base64.b64decode(document["codes"]), dtype=np.uint8)
        return cls(
            codes=codes.reshape(document["configurations"], -1),
            unordered=np.array(document["unordered"], dtype=bool),
            limit=document["limit"],
        )


def fit_domain(examples: Examples) -> Domain:
    """Remember the configurations of ``examples``, or of many those with the smallest digests, which are a sample."""
    _, first = np.unique(examples.digests, return_index=True)
    space = examples.problem.space
    codes = encode(space, examples.vectors[first[:_MOST]])
    unordered = np.array([isinstance(p, Choice) and not p.ordered for p in space.parameters], dtype=bool)
    alone = Domain(codes=codes, unordered=unordered, limit=0.0)
    gaps = alone.gaps() if len(codes) > 1 else np.zeros(1)
    return Domain(codes=codes, unordered=unordered, limit=float(np.quantile(gaps, _NEARLY_ALL)))


def encode(space: Space, vectors: Vectors) -> Codes:
    """Round configurations (n, d) to codes."""
    tops = [max(1.0, p.size - 1) if isinstance(p, Choice) else 1.0 for p in space.parameters]
    places = np.clip(np.nan_to_num(vectors / tops), 0.0, 1.0)
    codes: Codes = np.where(np.isnan(vectors), _UNUSED, np.rint(_STEPS * places)).astype(np.uint8)
    return codes
