"""Imports of large libraries, and drawing, without the garbage collector's passes between."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Context in which Python looks for no cyclic garbage; what was imported is not looked at later either.

    Importing torch, transformers and PEFT makes a million objects that live as long as the process, and the collector
    goes through all of them again and again meanwhile: a fifth of the CPU time of these imports. For a thread that
    imports, or draws, and does nothing else; a context within another, or in another thread, changes nothing.
    """
    if not gc.isenabled():
        yield
        return
    modules = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > modules:
            gc.freeze()
        gc.enable()
