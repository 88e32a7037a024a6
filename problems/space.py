"""The search space: a ConfigSpace JSON document compiled into vectorised numpy.

The currency is the ConfigSpace vector: float64, one number per parameter in [0, 1] (log-scaled where declared), the
choice index for categorical and ordinal parameters, NaN where a conditional parameter is inactive. Matrices of
vectors are (n, d). ConfigSpace itself is imported by `Space.configspace` alone, and is the oracle of the tests.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .codec import RowCodec
from .conditions import Condition, compile_conditions
from .declarations import compile_parameter
from .errors import InvalidConfiguration
from .parameters import Parameter, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Vector = NDArray[np.float64]
"""One configuration, (d,)."""

Config = Mapping[str, Value] | Vector
"""A configuration as people write it (natural values of the active parameters, by name) or as a vector."""

Natural = Mapping[str, NDArray[np.float64]]
"""Natural values of many configurations: name -> (n,), numbers and booleans as they are, 0 where inactive."""

_SAMPLE_BLOCK = 256
_DIGEST_SCALE = 1e10  # float noise of the last digits must not reach the digest; drawn floats lie on this grid


@dataclass(frozen=True)
class Space:
    """A search space; build it with `Space.from_json` or `Space.from_document`.

    Attributes
    ----------
    parameters
        In the order of the document, which is the order of the vector's entries.
    conditions
        For each parameter, the condition under which it is active; None: always.
    """

    name: str
    parameters: tuple[Parameter, ...]
    conditions: tuple[Condition | None, ...]
    document: str = field(repr=False)
    """The canonical JSON text it was compiled from."""

    @classmethod
    def from_json(cls, text: str) -> Space:
        """Compile a ConfigSpace (>= 1.2) JSON text.

        Raises
        ------
        InvalidConfiguration
            If the text is no such document, or uses a kind of parameter or clause that is not supported.
        """
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidConfiguration(f"search space: not a JSON document ({error})") from error
        return cls.from_document(document)

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Space:
        """Compile the parsed form of a ConfigSpace JSON document; see `from_json`."""
        items = document.get("hyperparameters") if isinstance(document, Mapping) else None
        if not isinstance(items, Sequence) or not items:
            raise InvalidConfiguration("search space: expected a ConfigSpace document with a list 'hyperparameters'")
        if document.get("forbiddens"):
            raise InvalidConfiguration("search space: forbidden clauses are not supported; state them as conditions")
        parameters = tuple(compile_parameter(item) for item in items)
        names = [parameter.name for parameter in parameters]
        if len(set(names)) < len(names):
            raise InvalidConfiguration("search space: two parameters have the same name")
        conditions = compile_conditions(document.get("conditions") or (), parameters)
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return cls(str(document.get("name") or ""), parameters, conditions, text)

    def __len__(self) -> int:
        return len(self.parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.document == other.document

    def __hash__(self) -> int:
        return hash(self.document)

    def __reduce__(self) -> tuple[object, ...]:
        return (Space.from_json, (self.document,))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in vector order."""
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Position of each parameter in the vector, by name."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Positions of the parameters, parents before children.

        Raises
        ------
        InvalidConfiguration
            If the conditions form a cycle.
        """
        order: list[int] = []
        while len(order) < len(self):
            ready = [
                i
                for i, condition in enumerate(self.conditions)
                if i not in order and (condition is None or condition.parents <= set(order))
            ]
            if not ready:
                raise InvalidConfiguration(f"search space {self.name!r}: its conditions form a cycle")
            order += ready
        return tuple(order)

    @cached_property
    def _codec(self) -> RowCodec:
        return RowCodec(self.parameters, self.conditions, self.order)

    @cached_property
    def encode_row(self) -> Callable[[Mapping[str, Value]], list[float]]:
        """`encode` without numpy's overhead: a function of a dict that gives the numbers of a vector as a list."""
        return self._codec.encode

    # --- one configuration -------------------------------------------------------------------------------------

    def encode(self, config: Mapping[str, Value]) -> Vector:
        """Turn natural values into a vector (d,).

        Raises
        ------
        InvalidConfiguration
            If a value is out of range or of the wrong type, an active parameter is missing, or an inactive one given.
        UnknownName
            If a name is not a parameter of the space.
        """
        return np.array(self.encode_row(config))

    def decode(self, vector: Vector) -> dict[str, Value]:
        """Turn a vector (d,) into the natural values of its active parameters."""
        return {
            parameter.name: parameter.decode(x)
            for parameter, x in zip(self.parameters, vector.tolist(), strict=True)
            if x == x  # NaN: inactive
        }

    def decode_row(self, row: list[float]) -> dict[str, Value]:
        """Turn the numbers of a vector (d,) into natural values without numpy's overhead, making sure it is legal.

        Raises
        ------
        InvalidConfiguration
            As `check` does.
        """
        try:
            return self._codec.decode(row)
        except (KeyError, TypeError, ValueError):  # not exactly what `encode` gives: perhaps nearly
            pass
        vector = np.array(row)
        if vector.shape != (len(self),):
            raise InvalidConfiguration(f"a vector of space {self.name!r} has shape ({len(self)},), got {vector.shape}")
        self.check(vector[None])
        return self.decode(vector)

    def vector(self, config: Config) -> Vector:
        """Accept a configuration in either form: dictionaries are encoded, vectors checked for shape and legality."""
        if not isinstance(config, np.ndarray):
            return self.encode(config)
        self.decode_row(config.tolist())
        return np.asarray(config, dtype=np.float64)

    def settle_row(self, row: list[float], fill: Callable[[int], float]) -> list[float]:
        """Make a configuration of the numbers (d,) of one in which a parameter has changed that others hang on.

        Returns
        -------
        row : (d,)
            A copy with NaN for parameters that are inactive now, and ``fill(position)`` for those that have become
            active. The other numbers must be legal, as `encode_row` gives them; none is looked at.
        """
        return self._codec.settle(row, fill)

    # --- many configurations -----------------------------------------------------------------------------------

    def from_unit(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map uniform numbers (n, d) in [0, 1) to configurations (n, d) distributed as the space declares."""
        columns = [parameter.from_unit(unit[:, i]) for i, parameter in enumerate(self.parameters)]
        return self.deactivate(np.stack(columns, axis=1))

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Draw ``n`` configurations (n, d); the first k of a longer sample are the sample of length k."""
        blocks = [rng.random((_SAMPLE_BLOCK, len(self))) for _ in range(-(-n // _SAMPLE_BLOCK))]
        unit = np.concatenate(blocks)[:n] if blocks else np.empty((0, len(self)))
        return self.from_unit(unit)

    def active(self, vectors: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which parameters are active, (n, d), from the values of their parents alone."""
        active = np.ones(vectors.shape, dtype=bool)
        for i in self.order:
            condition = self.conditions[i]
            if condition is not None:
                active[:, i] = condition.mask(vectors, active)
        return active

    def deactivate(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Copy ``vectors`` with NaN wherever a parameter is inactive."""
        return np.where(self.active(vectors), vectors, np.nan)

    def snap(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Copy ``vectors`` (n, d) to the nearest legal configurations.

        Values are clipped and rounded to the grid of their parameter; inactive ones become NaN, and active ones that
        were NaN take the parameter's default.
        """
        columns = [parameter.snap(vectors[:, i]) for i, parameter in enumerate(self.parameters)]
        return self.deactivate(np.stack(columns, axis=1))

    def check(self, vectors: NDArray[np.float64]) -> None:
        """Raise `InvalidConfiguration` unless every row of ``vectors`` (n, d) is a legal configuration."""
        if vectors.ndim != 2 or vectors.shape[1] != len(self):
            raise InvalidConfiguration(
                f"vectors of space {self.name!r} have {len(self)} entries, got shape {vectors.shape}"
            )
        wrong = np.isnan(vectors) == self.active(vectors)
        with np.errstate(invalid="ignore"):
            wrong |= np.abs(self.snap(vectors) - vectors) > 1e-9
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            parameter = self.parameters[column]
            raise InvalidConfiguration(
                f"vector {row}, entry {column} ({parameter.name!r}) is {vectors[row, column]}: "
                f"expected {parameter}, and NaN exactly where inactive; Space.snap() gives the nearest legal vector"
            )

    def natural(self, vectors: NDArray[np.float64]) -> Natural:
        """Give natural values by name, (n,) each: numbers as they are, choice indices for words, 0 where inactive."""
        return {
            parameter.name: np.where(np.isnan(vectors[:, i]), 0.0, parameter.natural(vectors[:, i]))
            for i, parameter in enumerate(self.parameters)
        }

    def neighbours(
        self, vector: Vector, rng: np.random.Generator, n: int, *, scale: float = 0.2
    ) -> NDArray[np.float64]:
        """Draw ``n`` configurations (n, d) that differ from ``vector`` in one active parameter.

        Numbers move by a truncated normal step of standard deviation ``scale`` in the unit interval, by one grid
        step at least; categorical parameters take another choice. Children that become active are drawn afresh.
        """
        active = [i for i in np.flatnonzero(~np.isnan(vector)) if self.parameters[i].size != 1]
        fresh = self.sample_all(rng, n)
        chosen = rng.choice(active, size=n) if active else np.zeros(n, dtype=int)
        out = np.where(np.isnan(vector), fresh, vector)
        for row, i in enumerate(chosen if active else []):
            out[row, i] = self.parameters[i].step(float(vector[i]), rng, scale)
        return self.deactivate(out)

    def sample_all(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Draw ``n`` vectors (n, d) in which every parameter has a value, active or not."""
        unit = rng.random((n, len(self)))
        return np.stack([parameter.from_unit(unit[:, i]) for i, parameter in enumerate(self.parameters)], axis=1)

    # --- identity and exchange ---------------------------------------------------------------------------------

    def digest(self, config: Config) -> str:
        """Give the stable name of a configuration: 16 hexadecimal digits, equal for equal configurations anywhere."""
        return self.digests(np.atleast_2d(self.vector(config)))[0]

    def digests(self, vectors: NDArray[np.float64]) -> list[str]:
        """Give the digests of the rows of ``vectors`` (n, d), which must be legal (see `snap`)."""
        scaled = np.where(np.isnan(vectors), -1.0, np.rint(vectors * _DIGEST_SCALE))
        codes = scaled.astype("<i8").tobytes()
        width = 8 * len(self)
        return [
            blake2b(codes[start : start + width], digest_size=8).hexdigest() for start in range(0, len(codes), width)
        ]

    def digest_row(self, row: list[float]) -> str:
        """Give the digest of one configuration as `encode_row` gives it: `digests` without numpy's overhead."""
        codes = [-1 if x != x else round(x * _DIGEST_SCALE) for x in row]
        return blake2b(struct.pack(f"<{len(codes)}q", *codes), digest_size=8).hexdigest()

    def configspace(self) -> ConfigurationSpace:
        """Build ConfigSpace's own object from the same document (needs ConfigSpace)."""
        from ConfigSpace import ConfigurationSpace

        return ConfigurationSpace.from_serialized_dict(json.loads(self.document))
