"""sha256 digests, as 64 hexadecimal digits: of a file's content and of a text."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_sha256(path: Path) -> str:
    """The digest of a file's content, read in blocks. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_sha256(text: str) -> str:
    """The digest of a text's UTF-8 encoding."""
    return hashlib.sha256(text.encode()).hexdigest()
