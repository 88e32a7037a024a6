"""What benchmarks find is printed at once and, with ``--page FILE.md``, written as a page with machine and versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from bagbench.problems.environment import processor
from bagbench.problems.files import write_atomically

PACKAGES = ("numpy", "onnxruntime", "xgboost", "lightgbm", "torch", "h5py", "optuna", "botorch")
FINDINGS = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", type=Path, help="write what was measured to this Markdown file")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FINDINGS] = []


@pytest.fixture
def say(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a finding and keep it for the page."""

    def say(finding: str) -> None:
        with capsys.disabled():
            print(f"\n{finding}")
        request.config.stash[FINDINGS].append(finding)

    return say


def pytest_sessionfinish(session: pytest.Session) -> None:
    page, findings = session.config.getoption("--page"), session.config.stash[FINDINGS]
    if page is None or not findings:
        return
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [
        "# Speed",
        "",
        "Written by `make bench`. Times are the fastest of several passes; ratios are between things measured in the",
        "same run, one thread each unless said otherwise.",
        "",
        f"{machine}; " + ", ".join(f"{package} {_version(package)}" for package in PACKAGES) + ".",
        "",
        *(f"- {finding}" for finding in findings),
        "",
    ]
    write_atomically(page, "\n".join(lines))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
