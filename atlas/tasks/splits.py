"""Which records are kept for selection, where a dataset publishes no split for it: decided by name, never by order."""

from __future__ import annotations

import hashlib


def held_out(task: str, key: str, share: float) -> bool:
    """Whether the training record (or image) named `key` belongs to the `val` split: true for about `share` of them.

    The same on every machine and in any order of reading. Records that share an image share its key, so that no
    image is in two splits.
    """
    return rank(f"{task} val", key) < share


def rank(purpose: str, key: str) -> float:
    """A number in [0, 1) that a name has for one purpose: sorting by it is a shuffle that never changes."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {key}".encode()).digest()[:7], "big") / 2**56
