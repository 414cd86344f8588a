"""The one root of the errors that people are meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AtlasError(ValueError):
    """Bad input or a broken surrounding; the message says what was seen, what is allowed and what to do."""


def unknown(kind: str, seen: object, allowed: Iterable[str]) -> AtlasError:
    """The error for a name that no catalogue knows: names the nearest known one and lists the rest."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(seen), names, n=1, cutoff=0.4)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return AtlasError(f"unknown {kind} {seen!r}.{guess} Known: {', '.join(names)}.")
