"""Errors of three kinds, by who can help: the user, nobody (this step cannot be trained), or time and another machine.

AtlasError                  the root, never raised itself: a message of one line, for people
├── UserError               bad input; the message says what was seen, what is allowed and what to do
│   └── AccessDenied        a store or folder that refuses this user
├── StepError               a step that cannot be trained, wherever it is tried: its trial fails
└── InfrastructureError     a broken surrounding; a step is tried again, elsewhere or later
    └── StorageUnavailable  a store that does not answer, a disk that is full
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import ClassVar

from atlas.runtime.text import composed


class AtlasError(Exception):
    """Root of the errors that people are meant to read; `exit_code` is a command line's where one ends it.

    `everywhere`: all processes of a group raise it together, so that none of them waits for another.
    """

    exit_code: ClassVar[int] = 1
    everywhere: bool = False


class UserError(AtlasError, ValueError):
    """Bad input; the message says what was seen, what is allowed and what to do."""

    exit_code: ClassVar[int] = 2


class AccessDenied(UserError, PermissionError):
    """A store or folder that refuses this user: waiting does not help, other credentials or permissions do."""


class StepError(AtlasError):
    """A step that cannot be trained: another attempt would fail as well. Its trial fails."""


class InfrastructureError(AtlasError):
    """A broken surrounding of something that may succeed later or elsewhere; never final for a step."""

    exit_code: ClassVar[int] = 3


class StorageUnavailable(InfrastructureError):
    """A store that does not answer, or a disk that is full."""


def unknown(kind: str, seen: object, allowed: Iterable[str]) -> UserError:
    """The error for a name that no catalogue knows: names the nearest known one and lists the rest."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(seen), names, n=1, cutoff=0.4)
    alike = bool(near) and composed(near[0]) == composed(str(seen)) and near[0] != str(seen)
    form = ", the same letters in another Unicode form" if alike else ""
    guess = f" Did you mean {near[0]!r}{form}?" if near else ""
    known = f"Known: {', '.join(names)}." if names else "There is none yet."
    return UserError(f"unknown {kind} {seen!r}.{guess} {known}")


def refuse_empty(arguments: Sequence[str]) -> None:
    """Raise UserError where a word of a command line is empty: a shell's variable that is not set, mostly."""
    for number, word in enumerate(arguments):
        blank, (flag, equals, value) = not word.strip(), word.partition("=")
        if blank or (flag.startswith("--") and equals and not value.strip()):
            before = f" after {arguments[number - 1]!r}" if number and blank else ""
            raise UserError(f"{word!r}{before} is empty; give its value, or leave the option out.")
