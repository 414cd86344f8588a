"""A sweep's page, as people open it: in a browser, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.e2e.browser import needs_browser
from tests.e2e.storages import summaries

pytestmark = [pytest.mark.slow, needs_browser]
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
REQUESTS = "return performance.getEntriesByType('resource').map(entry => entry.name)"
GROUND = "return getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def report(quiet: Path, browser: Chrome) -> Iterator[Chrome]:
    """A browser that has opened the quiet sweep's page from its file."""
    folder = quiet / "sweeps" / summaries(quiet)[0]["sweep"]["id"]
    browser.get_log("browser")
    browser.get((folder / "report.html").as_uri())
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_opens_without_errors_and_asks_nothing_of_the_network(report: Chrome) -> None:
    assert [entry["message"] for entry in report.get_log("browser")] == []
    assert report.execute_script(REQUESTS) == []
    assert len(report.execute_script("return [...document.querySelectorAll('svg')]")) >= 4


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_hangs_over_its_side(report: Chrome, width: int) -> None:
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 1000}
    report.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    assert report.execute_script(OVERFLOW) == 0


def test_in_the_dark_its_ground_is_dark(report: Chrome) -> None:
    def brightness(scheme: str) -> int:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        report.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        channels = report.execute_script(GROUND).removeprefix("rgb(").removeprefix("a(").rstrip(")").split(",")
        return sum(int(channel) for channel in channels[:3])

    assert brightness("dark") < 150 < 600 < brightness("light")
