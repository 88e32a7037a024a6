"""Opening a benchmark by name or path: one problem, three sources of answers."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from ..problems import PROBLEMS, get_problem
from ..problems.benchmark import Benchmark
from ..problems.errors import FileProblem, InvalidArgument, MissingExtra, UnknownName

DATA = Path(__file__).parent.parent / "data"
"""Where the shipped tables and surrogates are."""

SOURCES = ("surrogate", "table", "trainer")
NOISES = ("mean", "sample")
_SUFFIXES = {"surrogate": ".onnx", "table": ".h5"}
_REMEDIES = {
    "surrogate": "`bagbench fit TABLE.h5 --out {file}` makes one",
    "table": "`bagbench populate {name} --runs N --out {file}` makes one",
}


def open_benchmark(
    name_or_path: str | Path,
    source: str | None = None,
    *,
    noise: str = "mean",
    objectives: Iterable[str] | None = None,
    snap: bool = False,
) -> Benchmark:
    """Open the benchmark of a shipped problem, or one's own table or surrogate.

    Parameters
    ----------
    name_or_path
        A shipped problem's name, or a path that ends in ``.h5`` (a table) or ``.onnx`` (a surrogate).
    source
        Who answers: ``"surrogate"`` predicts, ``"table"`` remembers, ``"trainer"`` trains. None: what the path
        is, or the surrogate of a shipped problem.
    noise
        Whether a surrogate answers with the ``"mean"`` of what replicates would score, or with a ``"sample"`` that
        the seed of the query determines.
    objectives
        Names of the problem's metrics, in the order of the losses. None: the problem's own choice.
    snap
        Whether a table answers for a configuration that it does not hold with the nearest one that it does; races do.

    Raises
    ------
    UnknownName
        If there is no such problem, source, noise or objective.
    InvalidArgument
        If the path is not of the source asked for, or ``noise="sample"`` is asked of what is not a surrogate.
    FileProblem
        If there is no such file, or it cannot be trusted.
    MissingExtra
        If the trainer is asked for and torch is not installed.
    """
    source = find_source(name_or_path, source)
    if noise not in NOISES:
        raise UnknownName.among("noise", noise, NOISES)
    if noise == "sample" and source != "surrogate":
        raise InvalidArgument(f"noise='sample' is for surrogates, got source {source!r}: expected noise='mean'")
    wanted = None if objectives is None else tuple(objectives)
    if source == "trainer":
        return _trainer(str(name_or_path), wanted)
    path = find_file(name_or_path, source)
    if source == "table":
        from ..tables.benchmark import TableBenchmark

        return TableBenchmark(path, objectives=wanted, snap=snap)
    from ..surrogates.benchmark import SurrogateBenchmark

    return SurrogateBenchmark(path, noise=noise, objectives=wanted)


def find_source(name_or_path: str | Path, source: str | None = None) -> str:
    """Tell who answers for ``name_or_path``; see `open_benchmark`."""
    if source is not None and source not in SOURCES:
        raise UnknownName.among("source", source, SOURCES)
    if not _is_path(name_or_path):
        if str(name_or_path) not in PROBLEMS:
            raise UnknownName.among("problem", str(name_or_path), PROBLEMS)
        return source or "surrogate"
    suffix = Path(name_or_path).suffix
    by_suffix = {value: key for key, value in _SUFFIXES.items()}
    if suffix not in by_suffix:
        raise InvalidArgument(
            f"{name_or_path} is neither a problem ({', '.join(sorted(PROBLEMS))}) nor a path: "
            "expected one that ends in .h5 (a table) or .onnx (a surrogate)"
        )
    if source not in (None, by_suffix[suffix]):
        raise InvalidArgument(
            f"{name_or_path} is a {by_suffix[suffix]}, got source {source!r}: expected source={by_suffix[suffix]!r}"
        )
    return by_suffix[suffix]


def find_file(name_or_path: str | Path, source: str) -> Path:
    """Give the file of a table or surrogate that `find_source` found.

    Raises
    ------
    FileProblem
        If it is not there.
    """
    if _is_path(name_or_path):
        path = Path(name_or_path)
        if not path.is_file():
            raise FileProblem(f"{path}: no such file: expected a {source}")
        return path
    path = DATA / f"{name_or_path}{_SUFFIXES[source]}"
    if not path.is_file():
        remedy = _REMEDIES[source].format(name=name_or_path, file=path.name)
        raise FileProblem(f"no {source} of {str(name_or_path)!r} is shipped: expected {path}; {remedy}")
    return path


def fingerprint(name_or_path: str | Path, source: str) -> str:
    """Give the sha256 of what answers: of a table's file, of all in a surrogate's file that answers depend on.

    It is empty for the trainer, which has no file.

    Raises
    ------
    FileProblem
        If the file is not there, or is a surrogate's and cannot be trusted.
    """
    if source == "trainer":
        return ""
    path = find_file(name_or_path, source)
    if source == "table":
        return sha256(path.read_bytes()).hexdigest()
    from ..surrogates.file import fingerprint as fingerprint_of

    return fingerprint_of(path)


def _is_path(name_or_path: str | Path) -> bool:
    return isinstance(name_or_path, Path) or "/" in name_or_path or bool(Path(name_or_path).suffix)


def _trainer(name: str, objectives: tuple[str, ...] | None) -> Benchmark:
    problem = get_problem(name)
    if objectives is not None:
        problem = problem.with_objectives(objectives)
    try:
        from ..problems.trainer import Trainer
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtra.for_package("torch", "train", "the true trainer") from error
    return Trainer(problem)
