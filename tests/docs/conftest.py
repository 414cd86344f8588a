"""Fixtures of the documentation's tests: the site, built once, a browser, and a sweep's storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.e2e.browser import open_browser
from tests.e2e.conftest import quiet as quiet
from tests.results.conftest import ended_storage as ended_storage

ROOT = Path(__file__).resolve().parents[2]


INDEX = "search/search_index.json"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the console of a test is for what it finds."""


class _Unsearchable(_Quiet):
    """Gives an index of no page, from the folder `index`: every page that is opened builds the search anew from it."""

    def __init__(self, *arguments: Any, index: Path, **more: Any) -> None:
        self.index = index
        super().__init__(*arguments, **more)

    def translate_path(self, path: str) -> str:
        return str(self.index) if path.endswith(f"/{INDEX}") else super().translate_path(path)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built strictly, as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The site, served on the loopback."""
    with served(partial(_Quiet, directory=str(site))) as address:
        yield address


@pytest.fixture(scope="session")
def unsearchable(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site, likewise, with a search that finds nothing."""
    index = tmp_path_factory.mktemp("index") / "empty.json"
    index.write_text(json.dumps({**json.loads((site / INDEX).read_text()), "docs": []}))
    with served(partial(_Unsearchable, directory=str(site), index=index)) as address:
        yield address


@contextmanager
def served(handler: Callable[..., SimpleHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on the loopback whose requests are handled so."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One headless Chromium for all pages of a file: a page that is open computes."""
    opened = open_browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.quit()
