"""Short texts for people: one line of an error or a docstring, a duration, a number with its noun."""

from __future__ import annotations

import unicodedata


def first_line(message: object) -> str:
    """The first line of a text, or of an exception's message that is not blank; the exception's type without one."""
    return _lines(message)[0]


def last_line(message: object) -> str:
    """The last such line: in an error that Ray passes on, its cause, below the remote traceback."""
    return _lines(message)[-1]


def duration(seconds: float) -> str:
    """`45 s`, `2 min 05 s` or `1 h 02 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2,000 pictures`, `3 classes`: a number and its noun, which is given in the singular."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC): what looks alike, `é` of one character or of two, is equal in it."""
    return unicodedata.normalize("NFC", text)


def by_number(number: float, one: str, several: str) -> str:
    """`is` or `are`: the form of a verb for so many."""
    return one if number == 1 else several


def _lines(message: object) -> list[str]:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines or ["" if isinstance(message, str) else type(message).__name__]
