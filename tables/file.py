"""The table's file: columns of HDF5 as ``tables/README.md`` specifies, written whole and read as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..problems.document import problem_from_json
from ..problems.errors import FileProblem
from ..problems.parameters import Number, Parameter
from ..problems.problem import Vectors
from ..problems.space import Space
from .runs import Rows, RunColumns, Runs
from .sealed import BLOCK

Numbers = NDArray[np.float64]

CHUNK = 16_384
"""Rows of a chunk, which is what is compressed, checked and read in one piece."""

_SINGLE_PRECISION = ("train_seconds", "eval_seconds")  # the clock's own noise is far above 1e-7
_LAYOUT = ("v110", "v110")
_FILTERS = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}


def write_columns(
    path: Path,
    *,
    texts: Mapping[str, str],
    version: int,
    space: Space,
    runs: RunColumns,
    static: Mapping[str, NDArray[np.int64]],
) -> None:
    """Write all but the seal; ``texts`` and ``version`` are attributes of the root, ``static`` has counts by name."""

    def fill(file: h5py.File) -> None:
        for name, text in texts.items():
            file.attrs[name] = _fixed([text])[0]
        file.attrs["version"] = version
        config = file.create_group("config")
        for column, parameter in enumerate(space.parameters):
            _put(config, parameter.name, _natural_column(parameter, runs.vectors[:, column]))
        group = file.create_group("run")
        for name in ("digests", "seeds", "status", "inclusion_probability", "started"):
            _put(group, name, getattr(runs, name))
        _put(group, "errors", _fixed(runs.errors))
        environments = sorted(set(runs.environments))
        _put(file, "environments", _fixed(environments))
        position = {text: number for number, text in enumerate(environments)}
        _put(group, "environment", np.array([position[text] for text in runs.environments], dtype=np.int64))
        for name, values in sorted(runs.curves.items()):
            _put(file, f"curve/{name}", values.astype(np.float32 if name in _SINGLE_PRECISION else np.float64))
        for name, counts in static.items():
            _put(file, f"static/{name}", counts)

    # One layout of HDF5, no times and sorted names make equal tables equal files.
    write_hdf5(path, fill, libver=_LAYOUT)


def write_hdf5(path: Path, fill: Callable[[h5py.File], None], **options: Any) -> None:
    """Write an HDF5 file whose first `BLOCK` bytes are empty.

    It is made in memory, and written by Python: where a write fails, HDF5 cannot close its file, and crashes the
    process when it tries. So it never sees the disk.

    Parameters
    ----------
    path
        Of the file.
    fill
        Puts everything into it.
    options
        Further ones of ``h5py.File``.
    """
    with h5py.File(path.name, "w", driver="core", backing_store=False, userblock_size=BLOCK, **options) as file:
        fill(file)
        file.flush()
        image = file.id.get_file_image()  # all but the first bytes
    with path.open("wb") as disk:
        disk.write(bytes(BLOCK))
        disk.write(image)


def _put(group: h5py.Group, name: str, values: NDArray[np.generic]) -> None:
    filters = {"chunks": (min(len(values), CHUNK), *values.shape[1:]), **_FILTERS} if values.size else {}
    group.create_dataset(name, data=values, **filters)


def _fixed(words: Iterable[str]) -> NDArray[np.bytes_]:
    """Make texts of equal length: those of variable length lie where HDF5 has no checksums."""
    encoded = [word.encode() for word in words]
    length = max(map(len, encoded), default=0)
    return np.array(encoded, dtype=h5py.string_dtype(length=max(1, length)))


class StoredRuns:
    """The runs of a table's file: a column is read, and its checksums are checked, when it is first asked for.

    These are the columns of `RunColumns`. The file stays open, so that they are of the same runs even if it is replaced
    meanwhile.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FileProblem
        If it has not the content of a table; later, if what is read was altered.
    """

    vectors = cached_property(lambda self: self._vectors())
    digests = cached_property(lambda self: self._read("run/digests"))
    seeds = cached_property(lambda self: self._read("run/seeds"))
    status = cached_property(lambda self: self._read("run/status"))
    errors = cached_property(lambda self: self._texts("run/errors"))
    inclusion_probability = cached_property(lambda self: self._read("run/inclusion_probability"))
    started = cached_property(lambda self: self._read("run/started"))
    environments = cached_property(lambda self: self._environments())
    curves = cached_property(lambda self: _Curves(tuple(self._file["curve"]), self._curve))

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._reading("has a valid seal but not the content of a table"):
            self._file = h5py.File(path, "r")
            self._length = len(self._file["run/seeds"])
            self.problem = problem_from_json(self.text("problem"))

    def __len__(self) -> int:
        return self._length

    def text(self, name: str) -> str:
        """Give a text among the attributes."""
        value = self._file.attrs[name]
        return value.decode() if isinstance(value, bytes) else str(value)

    @property
    def is_checked(self) -> bool:
        """Whether HDF5 checks all that it reads; what older bagbench wrote it does not."""
        items: list[h5py.Dataset | h5py.Group] = []
        with self._reading("was altered after it was written"):
            self._file.visititems(lambda _, item: items.append(item))
            fixed = all(isinstance(self._file.attrs[name], bytes) for name in ("problem", "data_set", "plan"))
            return fixed and all(isinstance(item, h5py.Group) or item.fletcher32 or not item.size for item in items)

    def take(self, rows: Rows) -> Runs:
        """Read rows, in the order given, and no others but those stored in the same pieces."""
        return Runs(
            vectors=self._vectors(rows),
            digests=self._read("run/digests", rows),
            seeds=self._read("run/seeds", rows),
            status=self._read("run/status", rows),
            errors=self._texts("run/errors", rows),
            inclusion_probability=self._read("run/inclusion_probability", rows),
            started=self._read("run/started", rows),
            environments=self._environments(rows),
            curves={name: self._curve(name, rows) for name in self.curves},
        )

    def _vectors(self, rows: Rows | None = None) -> Vectors:
        columns = [
            _numbers(parameter, self._read(f"config/{parameter.name}", rows))
            for parameter in self.problem.space.parameters
        ]
        vectors = np.stack(columns, axis=1)
        vectors.flags.writeable = False
        return vectors

    def _environments(self, rows: Rows | None = None) -> tuple[str, ...]:
        texts = self._texts("environments")
        return tuple(texts[number] for number in self._read("run/environment", rows).tolist())

    def _texts(self, name: str, rows: Rows | None = None) -> tuple[str, ...]:
        return tuple(word.decode() for word in self._read(name, rows).tolist())

    def _curve(self, name: str, rows: Rows | None = None) -> Numbers:
        values: Numbers = self._read(f"curve/{name}", rows).astype(np.float64, copy=False)
        values.flags.writeable = False
        return values

    def _read(self, name: str, rows: Rows | None = None) -> NDArray[Any]:
        with self._reading(f"was altered after it was written: {name}"):
            dataset = self._file[name]
            values: NDArray[Any] = dataset[:] if rows is None else _take(dataset, rows)
        values.flags.writeable = False
        return values

    @contextmanager
    def _reading(self, otherwise: str) -> Iterator[None]:
        """Say ``otherwise``, and what HDF5 says, if it cannot read."""
        try:
            yield
        except (OSError, KeyError, RuntimeError, ValueError) as error:  # a wrong checksum may be any of these
            raise FileProblem(f"{self._path} {otherwise}: {error}") from error


class _Curves(Mapping[str, Numbers]):
    """Curves by name, each read when it is first asked for."""

    def __init__(self, names: tuple[str, ...], read: Callable[[str], Numbers]) -> None:
        self._names = dict.fromkeys(names)
        self._read = cache(read)

    def __getitem__(self, name: str) -> Numbers:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _take(dataset: h5py.Dataset, rows: Rows) -> NDArray[Any]:
    """Read rows piece by piece: h5py takes long over single ones."""
    values = np.empty((len(rows), *dataset.shape[1:]), dtype=dataset.dtype)
    size = max(CHUNK, dataset.chunks[0] if dataset.chunks else 0)
    for start in np.unique(rows // size) * size:
        here = (rows >= start) & (rows < start + size)
        values[here] = dataset[start : start + size][rows[here] - start]
    return values


def _natural_column(parameter: Parameter, numbers: Numbers) -> NDArray[np.generic]:
    """Natural values that a person can read: floats, with NaN where inactive; words, empty where inactive."""
    different, where = np.unique(numbers, return_inverse=True)
    values = [None if np.isnan(x) else parameter.decode(float(x)) for x in different]
    if any(isinstance(value, str) for value in values):
        return _fixed("" if value is None else str(value) for value in values)[where]
    if isinstance(parameter, Number) and parameter.integer and None not in values:
        return np.array(values, dtype=np.int64)[where]
    if values and all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=bool)[where]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)[where]


def _numbers(parameter: Parameter, values: NDArray[Any]) -> Numbers:
    """Turn natural values back into the numbers of vectors, NaN where inactive."""
    different, where = np.unique(values, return_inverse=True)
    if values.dtype.kind in "SO":  # words, of fixed or of variable length
        numbers = {str(parameter.decode(float(x))): float(x) for x in range(int(parameter.size))}
        return np.array([numbers[word.decode()] if word else np.nan for word in different.tolist()])[where]
    return np.array([np.nan if value != value else parameter.encode(value) for value in different.tolist()])[where]
