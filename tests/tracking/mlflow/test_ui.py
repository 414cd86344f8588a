"""The prepared views in MLflow's own interface, served by a real server and seen in headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from atlas.tracking import Server, SweepStarted, TrialFinished, TrialStarted, default_tracking_uri
from atlas.tracking.mlflow.viewer import viewer
from atlas.tracking.mlflow.writer import Writer
from tests.e2e.browser import needs_browser, open_browser
from tests.ports import lasting_port
from tests.tracking.walks import finished_step

pytestmark = [pytest.mark.slow, needs_browser]

ANSWER_SECONDS = 240.0
TRIED = {"t1": (("shapes", "digits"), 61.0), "t2": (("digits", "shapes"), 72.0), "other": (("x", "y"), 99.0)}
FIRST_ROW = "return [...document.querySelectorAll('[row-index=\"0\"]')].map(part => part.innerText).join(' ')"
COLUMNS = """
const left = head => head.getBoundingClientRect().left;
const heads = [...document.querySelectorAll('[role=columnheader]')].sort((a, b) => left(a) - left(b));
return heads.map(head => head.getAttribute('col-id'))
"""
TEXT = "return document.body.innerText"


@pytest.fixture(scope="module")
def database(mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sweep of two trials and a step, and another sweep with a better trial."""
    uri = default_tracking_uri(Path(shutil.copy(mlflow_tables, tmp_path_factory.mktemp("ui"))).parent)
    writer = Writer(uri, "atlas")
    for name, (order, objective) in TRIED.items():
        sweep = "s2" if name == "other" else "s1"
        writer.apply(SweepStarted(sweep=sweep, name=sweep, params={"lr": 5e-4}))
        writer.apply(TrialStarted(sweep=sweep, trial=name, params={"order": [*order], "rank": 4}))
        metrics = {"objective": objective, "test A": objective - 1, "test/own/noise": 1.0}
        writer.apply(TrialFinished(sweep=sweep, trial=name, status="FINISHED", metrics=metrics))
    curves = {"loss": ((0, 1.0), (50, 0.5))}
    writer.apply(finished_step("k1", sweep="s1", tags={"task": "digits", "stage": "experience"}, curves=curves))
    return uri


@pytest.fixture(scope="module")
def page(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that is printed while a server serves the database."""
    folder = tmp_path_factory.mktemp("server")
    with Server(database, port=lasting_port(), artifacts=folder, log=folder / "log") as server:
        (address,) = viewer(database, "atlas", "s1", int(server.uri.rpartition(":")[2]))
        yield address


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str, str], Chrome]]:
    """Opens an address in the browser and waits until a script's text has the words."""
    browser = open_browser(tmp_path_factory.mktemp("browser"))

    def show(address: str, script: str, words: str) -> Chrome:
        browser.get("about:blank")  # else a page that differs after the # alone is not loaded anew
        browser.get(address)
        WebDriverWait(browser, ANSWER_SECONDS).until(lambda seen: words in str(seen.execute_script(script)))
        return browser

    yield show
    browser.quit()


def test_the_printed_address_opens_the_leaderboard_on_the_sweeps_best_trial(
    page: str, opened: Callable[[str, str, str], Chrome]
) -> None:
    browser = opened(page, FIRST_ROW, "digits → shapes")
    row = browser.execute_script(FIRST_ROW)
    assert "72" in row
    columns = [column for column in browser.execute_script(COLUMNS) if column]
    shown = [column for column in columns if column.partition(".")[0] in ("metrics", "params")]
    assert shown == ["metrics.`objective`", "metrics.`test A`", "params.`rank`"]
    text = browser.execute_script(TEXT)
    assert "2 matching runs" in text  # neither the other sweep's trial nor steps
    assert "x → y" not in text


def test_the_steps_have_a_view_of_their_own_by_task_and_stage(
    page: str, opened: Callable[[str, str, str], Chrome]
) -> None:
    browser = opened(f"{page}-steps", TEXT, "task: digits, stage: experience")
    assert "digits → shapes" not in browser.execute_script(TEXT)
