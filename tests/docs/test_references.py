"""References in the documentation resolve: files, and the links between pages that the site does not show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import PAGES, ROOT

FILE = re.compile(r"`((?:atlas|tests|sweeps|benchmarks|docs|clusters|notebooks)/[\w./-]*\w)`")
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[\w-]*)?\)")
TEST = re.compile(r"`((?:\w+/)*test_\w+\.py)`")
GENERATED = re.compile(r"reference/")  # pages that the site's hook writes
HISTORY = "CHANGELOG.md"  # names files as they were


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != HISTORY], ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    assert [name for name in FILE.findall(page.read_text()) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_files_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists() and not GENERATED.search(target)]
    assert missing == []


def test_every_fault_has_its_tests() -> None:
    named = TEST.findall((ROOT / "docs" / "faults.md").read_text())
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150
