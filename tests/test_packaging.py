"""What is shipped: metadata that agrees with itself, and a wheel that races where nothing else is installed."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bagbench

ROOT = Path(__file__).parents[1]
ROOMS = ("problems", "tables", "surrogates", "optimizers", "simulator", "analysis", "scripts")
DATA = ("README.md", "manifest.json", "*-front.json", "*.h5", "*.onnx")
HEAVY = {"torch", "xgboost", "lightgbm", "onnx", "onnxmltools", "dask", "distributed", "optuna", "configspace"}


def setup_cfg() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirements(text: str) -> list[Requirement]:
    lines = (line.strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


# --- the files agree -------------------------------------------------------------------------------------------------


def test_every_file_that_names_the_version_names_the_same() -> None:
    citation = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    changes = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation is not None
    assert changes is not None
    assert bagbench.__version__ == metadata.version("bagbench") == citation[1] == changes[1]


def test_racing_core_requires_nothing_heavy() -> None:
    core = {canonicalize_name(item.name) for item in requirements(setup_cfg()["options"]["install_requires"])}
    assert not core & HEAVY


def test_extra_all_is_every_other_extra() -> None:
    extras = setup_cfg()["options.extras_require"]
    (everything,) = requirements(extras["all"])
    assert everything.extras == set(extras) - {"all"}


def test_every_requirement_is_pinned_within_its_range() -> None:
    pins = {canonicalize_name(item.name): item for item in requirements((ROOT / "constraints.txt").read_text("utf-8"))}
    parser = setup_cfg()
    sections = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    for item in [item for section in sections for item in requirements(section) if item.name != "bagbench"]:
        (pin,) = pins[canonicalize_name(item.name)].specifier
        assert pin.operator == "=="
        assert pin.version in item.specifier


# --- what is built ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build sdist, and the wheel from the sdist, out of a copy of the checkout in which work has been done."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "checkout"
    made_here = (".*", "__pycache__", "*.egg-info", "*.journal", "build", "dist", "out", "runs")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*made_here))
    for litter in (
        "data/digits.journal/host.jsonl",
        "data/mine.h5.tmp",
        "out/digits/report.html",
        "problems/notes.txt",
    ):
        (source / litter).parent.mkdir(parents=True, exist_ok=True)
        (source / litter).write_text("not to be shipped", encoding="utf-8")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (path,) = distributions.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel_metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.slow
def test_wheel_holds_exactly_the_package_and_its_data(wheel: Path) -> None:
    rooms = [path for room in ROOMS for path in (ROOT / room).iterdir() if path.is_file() and path.suffix != ".md"]
    code = [ROOT / "__init__.py", ROOT / "py.typed", *rooms]
    data = [path for pattern in DATA for path in (ROOT / "data").glob(pattern)]
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert shipped == {f"bagbench/{path.relative_to(ROOT).as_posix()}" for path in code + data}


@pytest.mark.slow
def test_wheel_is_for_any_platform_and_says_its_licence(wheel: Path, wheel_metadata: Message) -> None:
    assert wheel.name == f"bagbench-{bagbench.__version__}-py3-none-any.whl"
    assert wheel_metadata["License-Expression"] == "Apache-2.0"
    assert wheel_metadata["Requires-Python"] == ">=3.10"
    assert "bagbench" in str(wheel_metadata.get_payload())


@pytest.fixture(scope="module")
def racing_venv(wheel: Path, wheel_metadata: Message, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment that holds the wheel and the distributions it declares, and nothing else.

    The latter are linked from the environment of the tests, so that nothing is downloaded.
    """
    venv = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    for distribution in closure(wheel_metadata.get_all("Requires-Dist", [])):
        for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__", "bagbench"}:
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(distribution.locate_file(name))))
    install = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install"]
    subprocess.run([*install, "--no-index", "--no-deps", "--quiet", str(wheel)], check=True)
    return venv


def closure(requires: Sequence[str]) -> list[metadata.Distribution]:
    """Follow requirements, extras left out, to all installed distributions they need."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [Requirement(text) for text in requires]
    while waiting:
        item = waiting.pop()
        name = canonicalize_name(item.name)
        if name not in found and (item.marker is None or item.marker.evaluate({"extra": ""})):
            found[name] = metadata.distribution(name)
            waiting += [Requirement(text) for text in found[name].requires or ()]
    return list(found.values())


@pytest.mark.slow
def test_installed_wheel_races_without_checkout_or_extras(racing_venv: Path, tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_", "PYTEST"))}
    where = subprocess.run(
        [racing_venv / "bin" / "python", "-c", "import bagbench; print(bagbench.__file__)"],
        cwd=tmp_path, env=clean, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(racing_venv)
    race = ["compare", "digits", "--evaluations", "20", "--seeds", "1", "--out", "out"]
    subprocess.run([racing_venv / "bin" / "bagbench", *race], cwd=tmp_path, env=clean, check=True)
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert all(int(row["evaluations"]) <= 20 and float(row["hypervolume"]) >= 0 for row in rows)
    assert (tmp_path / "out" / "report.html").stat().st_size > 0
