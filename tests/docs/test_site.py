"""The documentation site: built strictly, complete, and shown by Chromium without asking another host for anything."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.browser import needs_browser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FETCHED = re.compile(r"<(?:script|img|iframe|source)[^>]+src=\"?(https?:)?//|<link[^>]+href=\"?(https?:)?//(?!127)")
PHONE, DESKTOP = (390, 844), (1400, 1000)


def test_no_page_fetches_from_another_host(site: Path) -> None:
    """Plain links may lead elsewhere; scripts, styles, fonts and pictures may not."""
    assert [page.name for page in site.rglob("*.html") if FETCHED.search(page.read_text())] == []
    styles = [sheet for sheet in site.rglob("*.css") if re.search(r"url\(['\"]?(https?:)?//", sheet.read_text())]
    assert styles == []


def test_every_package_and_every_decision_has_a_page(site: Path) -> None:
    packages = {path.parent.name for path in (ROOT / "atlas").glob("*/__init__.py")}
    assert {page.stem for page in (site / "reference" / "api").glob("*.html")} == packages
    decisions = {path.stem for path in (ROOT / "docs" / "adr").glob("*.md")}
    assert {page.stem for page in (site / "adr").glob("*.html")} == decisions | {"index"}


def test_the_command_line_is_that_of_the_programs(site: Path) -> None:
    page = (site / "reference" / "cli.html").read_text()
    for heading in (
        "atlas",
        "atlas prepare",
        "atlas store export",
        "atlas ledger check",
        "python sweeps/task_order.py",
    ):
        assert f"<code>{heading}</code>" in page
    for option in ("--most-broken", "--delete", "--tolerance", "--min-workers-per-fleet"):
        assert option in page


def test_the_api_shows_what_docstrings_say(site: Path) -> None:
    page = (site / "reference" / "api" / "metrics.html").read_text()
    assert "Undefined with fewer than two orders" in page
    assert "def __init__" not in page


@needs_browser
def test_every_page_of_the_navigation_opens_whole(unsearchable: str, browser: Chrome) -> None:
    browser.set_window_size(*DESKTOP)
    browser.get(f"{unsearchable}/index.html")
    links = browser.find_elements(By.CSS_SELECTOR, "nav.md-nav--primary a.md-nav__link[href]")
    pages = sorted({urldefrag(str(link.get_attribute("href")))[0] for link in links})
    assert len(pages) > 40
    browser.get_log("browser")
    for page in pages:
        browser.get(page)
        assert browser.find_elements(By.CSS_SELECTOR, "article h1"), page
        assert problems(browser, unsearchable) == [], page


@needs_browser
@pytest.mark.parametrize("page", ["index", "quickstart", "concepts", "faults", "measured", "reference/cli"])
def test_a_page_fits_a_phone(page: str, unsearchable: str, browser: Chrome) -> None:
    """Wide tables and code scroll by themselves; the page does not."""
    phone = {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.get(f"{unsearchable}/{page}.html")
        assert browser.execute_script("return document.scrollingElement.scrollWidth") <= PHONE[0]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@needs_browser
def test_the_search_finds_a_page(address: str, browser: Chrome) -> None:
    browser.set_window_size(*DESKTOP)
    browser.get(f"{address}/index.html")
    field = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
    field.click()
    field.send_keys("elastic")
    found = WebDriverWait(browser, 30).until(
        lambda seen: [
            link.get_attribute("href") for link in seen.find_elements(By.CSS_SELECTOR, "a.md-search-result__link")
        ]
    )
    assert any("0016-elastic-fleets.html" in str(link) for link in found)


@needs_browser
def test_the_quickstart_shows_its_pictures(unsearchable: str, browser: Chrome) -> None:
    browser.get(f"{unsearchable}/quickstart.html")
    sizes = browser.execute_script("return [...document.querySelectorAll('article img')].map(i => i.naturalWidth)")
    assert len(sizes) >= 3
    assert min(sizes) > 300


def problems(browser: Chrome, address: str) -> list[str]:
    """Errors in the console, pictures that are not there, resources of another host."""
    said = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    missing = browser.execute_script(
        "return [...document.images].filter(image => !image.naturalWidth).map(image => image.src)"
    )
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    foreign = [name for name in fetched if not name.startswith((address, "data:", "blob:"))]
    return [*said, *missing, *foreign]
