"""The law of the rooms, read from the imports and calls of every module of the package."""

from __future__ import annotations

import ast
import doctest
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest

import bagbench

ROOT = Path(__file__).parents[1]

ROOMS: Mapping[str, frozenset[str]] = {
    "problems": frozenset(),
    "tables": frozenset({"problems"}),
    "surrogates": frozenset({"problems", "tables"}),
    "optimizers": frozenset({"problems"}),  # cannot peek at the truth
    "simulator": frozenset({"problems", "tables", "surrogates", "optimizers"}),
    "analysis": frozenset({"problems", "tables", "surrogates", "optimizers", "simulator"}),
    "scripts": frozenset({"problems", "tables", "surrogates", "optimizers", "simulator", "analysis"}),
}
"""What each room may import, besides itself."""

BORDERS: Mapping[str, tuple[str, ...]] = {
    "numpy": ("*",),
    "scipy": ("*",),
    "sklearn": ("problems/datasets.py", "surrogates/perceptrons.py", "surrogates/kriging.py"),
    "torch": (
        "problems/network.py",
        "problems/adam.py",
        "problems/device.py",
        "problems/resident.py",
        "problems/training_run.py",
        "optimizers/wrapped_botorch.py",
        "surrogates/distillation.py",
        "surrogates/perceptrons.py",
    ),
    "ConfigSpace": ("problems/space.py", "optimizers/wrapped_smac.py"),
    "pyarrow": ("tables/sheets.py",),
    "h5py": ("tables/file.py", "simulator/history.py"),
    "xgboost": ("surrogates/boosting.py", "analysis/plain_xgboost.py"),
    "lightgbm": ("surrogates/boosting.py",),
    "onnx": ("surrogates/file.py",),
    "onnxruntime": ("surrogates/serving.py",),
    "distributed": ("tables/executor.py",),
    "optuna": ("problems/quiet.py", "optimizers/wrapped_optuna.py", "surrogates/tuning.py"),
    "pymoo": ("optimizers/wrapped_pymoo.py",),
    "botorch": ("optimizers/wrapped_botorch.py",),
    "gpytorch": ("optimizers/wrapped_botorch.py",),
    "smac": ("optimizers/wrapped_smac.py",),
    "joblib": ("optimizers/wrapped_smac.py",),
    "PIL": ("scripts/prepare_flowers.py",),
    "pooch": ("problems/downloads.py",),
    "threadpoolctl": ("problems/threads.py",),
    "moocore": ("analysis/indicators.py", "optimizers/*.py", "surrogates/fronts.py"),
    "plotly": ("analysis/report.py",),
    "matplotlib": ("analysis/paper.py",),
    "rich": ("scripts/*.py",),
    "typer": ("scripts/*.py",),
    # Not third-party, but fenced all the same: few modules read clocks, and nothing loads code.
    "time": ("problems/training_run.py", "problems/trainer.py", "simulator/overhead.py"),
    "random": ("optimizers/testing.py",),  # it watches the global generators for anybody who uses them
    "pickle": (),
    "marshal": (),
    "shelve": (),
}
"""Which modules may import a library. One that is not listed here is imported by nobody."""

EXECUTES = {"eval", "exec", "compile", "__import__"}
SEEDED = {"Generator", "SeedSequence", "PCG64", "Philox", "BitGenerator", "get_state"}
"""The part of `numpy.random` that draws from no global state; `default_rng` is allowed with an argument."""


def modules() -> list[Path]:
    return sorted([ROOT / "__init__.py", *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


every_module = pytest.mark.parametrize("path", modules(), ids=name_of)


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Give (line, absolute dotted name) of every import, those inside functions included."""
    package = ("bagbench", *path.relative_to(ROOT).parent.parts)
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*origin, *filter(None, [node.module])))
            # `from .. import tables` imports a room, too.
            yield from ((node.lineno, f"{module}.{alias.name}" if node.level else module) for alias in node.names)


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_every_folder_with_code_is_a_room() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == set(ROOMS)


@every_module
def test_rooms_import_only_the_rooms_below_them(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = set(ROOMS) if room == "__init__.py" else ROOMS[room] | {room}
    peeks = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if name.startswith("bagbench.") and (target := name.split(".")[1]) in ROOMS and target not in allowed
    ]
    assert not peeks


@every_module
def test_imports_inside_the_package_are_relative(path: Path) -> None:
    absolute = [
        node.lineno
        for node in nodes(path)
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "bagbench" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and not node.level and str(node.module).split(".")[0] == "bagbench")
    ]
    assert not absolute


@every_module
def test_libraries_are_imported_at_their_border_only(path: Path) -> None:
    here = name_of(path)
    strays = []
    for line, name in imports(path):
        library = name.split(".")[0]
        if library == "bagbench" or (library in sys.stdlib_module_names and library not in BORDERS):
            continue
        if not any(fnmatch(here, pattern) for pattern in BORDERS.get(library, ())):
            strays.append(f"line {line}: {name}")
    assert not strays


def test_every_border_is_in_use() -> None:
    imported = {(name_of(path), name.split(".")[0]) for path in modules() for _, name in imports(path)}
    idle = [
        (library, pattern)
        for library, patterns in BORDERS.items()
        for pattern in patterns
        if not any(name == library and fnmatch(here, pattern) for here, name in imported)
    ]
    assert not idle


@every_module
def test_no_module_can_execute_what_it_reads(path: Path) -> None:
    calls = [
        f"line {node.lineno}: {name}"
        for node in nodes(path)
        if isinstance(node, ast.Call) and ((name := dotted(node.func)) in EXECUTES or name == "torch.load")
    ]
    allowed = [
        f"line {node.value.lineno}: allow_pickle"
        for node in nodes(path)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    ]
    assert not calls + allowed


@every_module
def test_randomness_comes_from_seeded_generators_only(path: Path) -> None:
    calls = [
        f"line {node.lineno}: {name}"
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and (name := dotted(node.func)).startswith(("np.random.", "numpy.random."))
        and not (name.split(".")[-1] in SEEDED or (name.endswith(".default_rng") and node.args))
    ]
    assert not calls


@every_module
def test_nothing_asks_the_calendar_for_the_time(path: Path) -> None:
    """`import time` has its border above; this closes the back door."""
    calls = [
        f"line {node.lineno}: {name}"
        for node in nodes(path)
        if isinstance(node, ast.Call) and (name := dotted(node.func)).endswith((".now", ".utcnow", ".today"))
    ]
    assert not calls


@every_module
def test_public_names_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), path)
    assert ast.get_docstring(tree), "the module says nothing of itself"
    inherited = {name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for name in documented(node)}
    silent = []
    for node in public(tree):
        if not ast.get_docstring(node):
            silent.append(node.name)
        if isinstance(node, ast.ClassDef):
            told = documented(node) | (inherited if node.bases else set())
            silent += [f"{node.name}.{method.name}" for method in public(node) if method.name not in told]
    assert not silent


def public(scope: ast.Module | ast.ClassDef) -> list[ast.ClassDef | ast.FunctionDef]:
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [node for node in scope.body if isinstance(node, kinds) and not node.name.startswith("_")]


def documented(scope: ast.ClassDef) -> set[str]:
    return {node.name for node in public(scope) if ast.get_docstring(node)}


# --- the public face -------------------------------------------------------------------------------------------------


def in_fresh_interpreter(code: str) -> object:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd="/")
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", bagbench.__all__)
def test_public_name_is_the_one_its_module_defines(name: str) -> None:
    value = getattr(bagbench, name)
    assert name in dir(bagbench)
    assert getattr(value, "__name__", name) == name
    assert value.__doc__


def test_public_names_are_listed_alike_for_users_and_for_the_lazy_import() -> None:
    assert set(bagbench.__all__) == set(bagbench._MODULES)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'bagbench' has no attribute 'open_bench'"):
        bagbench.open_bench  # type: ignore[attr-defined]  # noqa: B018


def test_example_of_the_package_runs() -> None:
    assert doctest.testmod(bagbench).failed == 0


def test_importing_bagbench_imports_no_library() -> None:
    loaded = in_fresh_interpreter("import bagbench, json, sys; print(json.dumps(sorted(sys.modules)))")
    assert isinstance(loaded, list)
    assert not {name.split(".")[0] for name in loaded} & {*BORDERS, "numpy"} - {"time", "marshal"}


def test_racing_on_a_surrogate_imports_nothing_heavy() -> None:
    code = (
        "import bagbench, json, sys\n"
        "benchmark = bagbench.open_benchmark('digits')\n"
        "optimizer = bagbench.OPTIMIZERS['random-search'](benchmark.problem, seed=0)\n"
        "bagbench.simulate(benchmark, optimizer, budget_evaluations=5)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = in_fresh_interpreter(code)
    assert isinstance(loaded, list)
    heavy = {"torch", "xgboost", "lightgbm", "optuna", "sklearn", "plotly", "distributed", "ConfigSpace"}
    assert not heavy & set(loaded)


def test_importing_bagbench_takes_less_time_than_importing_numpy() -> None:
    code = (
        "import json, time\n"
        "start = time.perf_counter(); import bagbench\n"
        "between = time.perf_counter(); import numpy\n"
        "print(json.dumps([between - start, time.perf_counter() - between]))"
    )
    runs = [in_fresh_interpreter(code) for _ in range(3)]
    seconds = [min(column) for column in zip(*runs, strict=True)]
    assert seconds[0] < seconds[1]
    assert seconds[0] < 0.150
