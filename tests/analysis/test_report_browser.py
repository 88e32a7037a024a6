"""The report in a real headless Chromium, spoken to over the DevTools protocol on a pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from bagbench.analysis.races import load_experiment
from bagbench.analysis.report import render, write_report
from bagbench.analysis.summary import summarize

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-pipe"
).split()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


class Browser:
    """One page of a Chromium, with everything that it reported."""

    def __init__(self, profile: Path) -> None:
        read_commands, self._write = os.pipe()
        self._read, write_events = os.pipe()
        assert CHROMIUM is not None

        def as_chromium_expects() -> None:  # it reads from 3 and writes to 4
            commands, events = os.dup(read_commands), os.dup(write_events)
            os.dup2(commands, 3)
            os.dup2(events, 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=as_chromium_expects,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_events)
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method of the protocol and wait for its answer."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._read, 1 << 16)
            assert chunk, "Chromium has gone"
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def run(self, script: str) -> Any:
        """Evaluate JavaScript (a promise is waited for) and give its value."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def open(self, page: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Load a page and wait until its figures are drawn."""
        self.events.clear()
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Page.navigate", url=page.as_uri())
        self.run("""new Promise((done) => {
            const look = () => document.body?.dataset.drawn ? done() : setTimeout(look, 20);
            look();
        })""")

    def complaints(self) -> list[dict[str, Any]]:
        """List errors and warnings of the console, and uncaught exceptions."""
        self.run("new Promise((done) => setTimeout(done, 50))")
        return [
            event
            for event in self.events
            if event["method"] == "Runtime.exceptionThrown"
            or (event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "warning"))
            or (event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] in ("error", "warning"))
        ]

    def requests(self) -> list[str]:
        """List all addresses that were asked for."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


@pytest.fixture(scope="module")
def page(experiment_folder: Path) -> Path:
    return write_report(experiment_folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_page_draws_every_figure_without_complaint_or_request(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
    drawn = browser.run("[...document.querySelectorAll('.plot')].map((p) => p.querySelectorAll('.trace').length)")
    assert len(drawn) >= 5 and all(drawn)
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")  # nothing sticks out
    background = browser.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(background) < 60) == dark


def test_figures_follow_the_theme(browser: Browser, page: Path) -> None:
    look = "getComputedStyle(document.querySelector('#rank path.js-line')).stroke"
    browser.open(page)
    light = browser.run(look)
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.run("new Promise((done) => setTimeout(done, 300))")
    assert browser.run(look) != light


def test_paper_is_white_in_dark_mode_too(browser: Browser, page: Path) -> None:
    browser.open(page, dark=True)
    browser.send("Emulation.setEmulatedMedia", media="print")
    browser.run("new Promise((done) => setTimeout(done, 300))")
    assert browser.run("getComputedStyle(document.body).color") == "rgb(28, 29, 33)"
    look = "getComputedStyle(document.querySelector('#rank path.js-line')).stroke"
    assert browser.run(look) == "rgb(0, 114, 178)"
    browser.send("Emulation.setEmulatedMedia", media="")


def test_headings_sort_the_table(browser: Browser, page: Path) -> None:
    browser.open(page)
    column = "[...document.querySelectorAll('#scores tbody tr')].map((r) => Number(r.cells[2].dataset.value))"
    press = "document.querySelector('#scores thead th:nth-child(3) button').click()"
    values = browser.run(column)
    browser.run(press)
    assert browser.run(column) == sorted(values)
    browser.run(press)
    assert browser.run(column) == sorted(values, reverse=True)


def test_buttons_switch_axis_and_view(browser: Browser, page: Path) -> None:
    browser.open(page)
    plot = "document.querySelector('[data-figure=hypervolume]')"
    press = "[...document.querySelectorAll('#hypervolume button')].find((b) => b.textContent === '{}').click()"
    assert browser.run(f"{plot}._fullLayout.xaxis.type") == "log"
    browser.run(press.format("linear"))
    assert browser.run(f"{plot}._fullLayout.xaxis.type") == "linear"
    browser.run(press.format("gap to the best known"))
    assert browser.run(f"{plot}._fullLayout.yaxis.type") == "log"
    assert browser.run(f"{plot}._fullLayout.xaxis.type") == "linear"  # one group of buttons leaves the other alone


def test_curves_can_be_drawn_over_trials_and_full_trainings(browser: Browser, page: Path) -> None:
    browser.open(page)
    plot = "document.querySelector('[data-figure=hypervolume]')"
    press = "[...document.querySelectorAll('#hypervolume button')].find((b) => b.textContent === '{}').click()"
    times = browser.run(f"{plot}.data[2].x")
    for option, title in (("trials", "completed trials"), ("full trainings", "epochs trained, in full trainings")):
        browser.run(press.format(option))
        assert browser.run(f"{plot}._fullLayout.xaxis.title.text") == title
        assert browser.run(f"{plot}.data[2].x") != times
        assert browser.run(f"{plot}.querySelectorAll('path.js-line').length") == 2 * 3  # edges and median
    browser.run(press.format("simulated time"))
    assert browser.run(f"{plot}.data[2].x") == times
    assert browser.complaints() == []


def test_pointing_at_a_line_makes_the_others_step_back(browser: Browser, page: Path) -> None:
    browser.open(page)
    plot = "document.querySelector('[data-figure=parallel]')"
    lines = f"[...{plot}.querySelectorAll('.scatterlayer .trace')]"
    bright = f"{lines}.filter((line) => getComputedStyle(line).opacity === '1').length"
    count = browser.run(f"{plot}.data.length")
    assert count > 1 and browser.run(bright) == count
    x, y = browser.run(f"""(() => {{
        const point = {lines}[1].querySelector('.point');
        point.scrollIntoView({{ block: 'center', behavior: 'instant' }});
        const box = point.getBoundingClientRect();
        return [(box.left + box.right) / 2 + 1, (box.top + box.bottom) / 2];
    }})()""")
    browser.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    browser.run("new Promise((done) => setTimeout(done, 300))")
    assert browser.run(bright) == 1
    assert "lr_init" in browser.run("document.querySelector('#parallel .hoverlayer').textContent")
    browser.send("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    browser.run("new Promise((done) => setTimeout(done, 300))")
    assert browser.run(bright) == count


@pytest.fixture(scope="module")
def crowded_page(experiment_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten optimizers: five copies of the two."""
    experiment = load_experiment(experiment_folder)
    races = tuple(
        replace(race, optimizer=f"{race.optimizer}-{copy}")
        for copy in range(5)
        for race in experiment.races
        if race.seed < 3
    )
    crowd = replace(experiment, races=races)
    path = tmp_path_factory.mktemp("crowd") / "report.html"
    path.write_text(render(crowd, summarize(crowd)), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [360, 1200])
def test_eight_of_many_optimizers_are_shown_and_all_when_asked_for(
    browser: Browser, crowded_page: Path, width: int
) -> None:
    browser.open(crowded_page, width=width)
    lines = "document.querySelectorAll('#rank .trace path.js-line').length"
    assert browser.run(lines) == 8
    browser.run("[...document.querySelectorAll('#rank button')].find((b) => b.textContent === 'all 10').click()")
    assert browser.run(lines) == 10
    assert browser.complaints() == []
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    labels = browser.run("""[...document.querySelectorAll('#rank .annotation-text, #difference .annotation-text')]
        .map((label) => label.getBoundingClientRect()).map((box) => [box.left, box.top, box.right, box.bottom])""")
    assert len(labels) == (21 if width > 600 else 11)  # at the ends of lines; on a phone a legend names them
    for a, b in combinations(labels, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] + 1 or b[3] <= a[1] + 1


def test_pointing_at_a_network_shows_its_configuration(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("""{
        const plot = document.querySelector('[data-figure=fronts]');
        const points = plot.data.findIndex((trace) => trace.mode === 'markers');
        Plotly.Fx.hover(plot, [{ curveNumber: points, pointNumber: 0 }]);
    }""")
    label = browser.run("document.querySelector('#fronts .hoverlayer').textContent")
    assert "validation error" in label and "lr_init" in label and "batch_norm" in label
