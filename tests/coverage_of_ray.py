"""A plugin of coverage.py: processes that Ray has started save what they reached twice a second.

Ray ends its workers without the interpreter's end and without a signal, so that coverage could not save at their end.
Coverage loads it at the start of every process that is measured (`make coverage`).
"""

from __future__ import annotations

import os
import time
from threading import Thread

from coverage import Coverage
from coverage.plugin_support import Plugins

SECONDS = 0.5


def coverage_init(registry: Plugins, options: object) -> None:
    """Start to save, where Ray has started this process. Called by coverage.py, which asks for no plugin in return."""
    if "RAY_RAYLET_PID" in os.environ:
        Thread(target=_save, daemon=True).start()


def _save() -> None:
    while True:
        time.sleep(SECONDS)
        if (measuring := Coverage.current()) is not None:
            measuring.save()
