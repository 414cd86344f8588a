"""The script of a sweep's page in a browser: tables are sorted and filtered, rows, lines and dots light up together."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By

from atlas.report import render_page
from tests.e2e.browser import needs_browser
from tests.report.conftest import invented_summary, typed

pytestmark = [pytest.mark.slow, needs_browser]

BOARD = "document.querySelector('.board')"
HEADINGS = f"return [...{BOARD}.querySelector('thead').rows[0].cells].map(cell => cell.textContent)"
ROWS = f"return [...{BOARD}.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
SHOWN = f"return [...{BOARD}.querySelectorAll('tbody tr')].filter(row => !row.hidden).map(row => row.dataset.mark)"
ON_ROW = "arguments[0].dispatchEvent(new PointerEvent(arguments[1], {bubbles: true, pointerType: 'mouse'}))"
HOT = "return [...document.querySelectorAll('.hot')].map(one => [one.tagName.toLowerCase(), one.dataset.mark])"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """That of a page with 24 orders."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render_page(typed(invented_summary())))
    return file.as_uri()


@pytest.fixture
def page(address: str, browser: Chrome) -> Chrome:
    """As it is before anything was touched, with all rows of the leaderboard unfolded."""
    browser.get(address)
    browser.execute_script(f"{BOARD}.querySelectorAll('details').forEach(one => {{ one.open = true }})")
    return browser


def column(page: Chrome, heading: str) -> list[str]:
    at = page.execute_script(HEADINGS).index(heading)
    return [row[at] for row in page.execute_script(ROWS)]


def numbers(texts: list[str]) -> list[float]:
    return [float(text.split()[0].replace("−", "-")) for text in texts]


def press(page: Chrome, heading: str) -> None:
    at = page.execute_script(HEADINGS).index(heading)
    page.execute_script(f"{BOARD}.querySelectorAll('th button')[{at}].click()")


def test_a_heading_sorts_all_rows_and_sorts_them_the_other_way_round(page: Chrome) -> None:
    before = column(page, "Forgetting")
    press(page, "Forgetting")
    assert numbers(column(page, "Forgetting")) == sorted(numbers(before), reverse=True)
    press(page, "Forgetting")
    assert numbers(column(page, "Forgetting")) == sorted(numbers(before))
    press(page, "Order of the tasks")
    assert column(page, "Order of the tasks") == sorted(column(page, "Order of the tasks"))
    assert len(before) == 24


def test_the_filter_leaves_the_rows_that_have_all_its_words_and_fades_the_lines_of_the_others(page: Chrome) -> None:
    rows, marks = page.execute_script(ROWS), page.execute_script(SHOWN)
    word = rows[5][page.execute_script(HEADINGS).index("Test")].split()[0]
    field = page.find_element(By.CSS_SELECTOR, ".board input")
    field.send_keys(f"{word} EASY-VQA")
    left = {mark for row, mark in zip(rows, marks, strict=True) if any(word in cell for cell in row)}
    assert set(page.execute_script(SHOWN)) == left != set(marks)
    assert page.find_element(By.CSS_SELECTOR, ".board .note").text == f"{len(left)} of 24"
    faded = page.execute_script("return [...document.querySelectorAll('svg .out')].map(one => one.dataset.mark)")
    assert set(faded) == set(marks) - left
    field.clear()
    field.send_keys(" ")
    assert page.execute_script(SHOWN) == marks


def test_row_and_line_and_dot_light_up_together_and_a_click_keeps_them_lit(page: Chrome) -> None:
    row = page.find_elements(By.CSS_SELECTOR, ".board tbody tr")[1]
    mark = row.get_attribute("data-mark")
    ActionChains(page).move_to_element(row).perform()
    hot: list[Any] = page.execute_script(HOT)
    assert {one for _, one in hot} == {mark}
    assert {"tr", "g"} <= {tag for tag, _ in hot}
    last = page.execute_script(SHOWN)[-1]
    line = page.find_element(By.CSS_SELECTOR, f"svg [data-mark='{last}'] path")
    page.execute_script(ON_ROW, line, "pointermove")
    assert {one for _, one in page.execute_script(HOT)} == {last}
    tip = page.find_element(By.CSS_SELECTOR, ".tip").get_attribute("textContent")
    assert tip is not None
    assert column(page, "Order of the tasks")[-1] in tip
    page.execute_script(ON_ROW, line, "click")
    page.execute_script(ON_ROW, page.find_element(By.TAG_NAME, "h1"), "pointermove")
    assert {one for _, one in page.execute_script(HOT)} == {last}
    page.execute_script(ON_ROW, line, "click")
    assert page.execute_script(HOT) == []
