"""Record what the quickstart shows: run its two sweeps in a fresh home, keep what they print and draw.

    python docs/hooks/quickstart.py                    # about 8 minutes on two cores, once Chromium is there

It writes into docs/quickstart/ what the terminal shows (smoke.txt, default.txt) and pictures of the default sweep's
report, and prints how long each took. Of the lines of the live view three are kept; the home is written `~`. Nothing
else is changed. The times on the page are written by hand.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome

ROOT = Path(__file__).resolve().parents[2]
INTO = ROOT / "docs" / "quickstart"
SWEEPS = {"smoke": ["--smoke"], "default": []}
LIVE = re.compile(r"^(?:\d+ h )?(?:\d+ min )?\d+ s passed, ")
PICTURES = ("order-sensitivity.png", "accuracy-matrices-latest.png", "forgetting-curves.png")
MOST_BYTES = 300_000


def main() -> None:
    """Run both sweeps, each in a home of its own, and write what came of them."""
    INTO.mkdir(exist_ok=True)
    for name, arguments in SWEEPS.items():
        with tempfile.TemporaryDirectory() as home:
            started = time.monotonic()
            printed = run(arguments, Path(home))
            print(f"{name}: {time.monotonic() - started:.0f} s")
            keep(name, printed, Path(home))


def run(arguments: list[str], home: Path) -> str:
    """The output of `python sweeps/task_order.py` with these arguments, on a machine without earlier results."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "ATLAS_"))}
    done = subprocess.run(
        [sys.executable, "sweeps/task_order.py", *arguments],
        cwd=ROOT,
        env={**kept, "HOME": str(home), "COLUMNS": "110", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


def keep(name: str, printed: str, home: Path) -> None:
    """Write the text of a sweep and, of the default one, pictures."""
    (INTO / f"{name}.txt").write_text(trimmed(printed, home))
    if name != "default":
        return
    (folder,) = (home / "atlas" / "sweeps").iterdir()
    for picture in PICTURES:
        shutil.copy(folder / picture, INTO / picture)
    photograph(folder / "report.html", INTO / "report.png")


def trimmed(printed: str, home: Path) -> str:
    """The text with `~` for the home and `python` for its path; of the live view first, middle and last line."""
    lines = [_anonymous(line, home) for line in printed.splitlines()]
    live = [number for number, line in enumerate(lines) if LIVE.match(line)]
    shown = {live[0], live[len(live) // 2], live[-1]} if live else set()
    kept = []
    for number, line in enumerate(lines):
        if number not in live or number in shown:
            kept.append(line)
        elif kept[-1] != "…":
            kept.append("…")
    return "\n".join(kept) + "\n"


def _anonymous(line: str, home: Path) -> str:
    """The line without what is this machine's, a row of a table as wide as before."""
    changed = line.rstrip().replace(str(home), "~").replace(sys.executable, "python")
    if changed.endswith("│"):
        changed = changed[:-1] + " " * (len(line.rstrip()) - len(changed)) + "│"
    return changed


def photograph(page: Path, into: Path) -> None:
    """The top of a page as a desktop shows it, as a PNG of 64 colours and less than 300 kB."""
    sys.path.insert(0, str(ROOT))
    from tests.e2e.browser import open_browser

    with tempfile.TemporaryDirectory() as profile:
        browser: Chrome = open_browser(Path(profile))
        try:
            browser.get(page.as_uri())
            seen = browser.get_screenshot_as_png()
        finally:
            browser.quit()
    Image.open(io.BytesIO(seen)).convert("RGB").quantize(64).save(into, optimize=True)
    assert into.stat().st_size < MOST_BYTES, f"{into} has {into.stat().st_size} bytes"


if __name__ == "__main__":
    main()
