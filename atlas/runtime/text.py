"""Short texts for people: one line of an error or a docstring, a duration, a count."""

from __future__ import annotations


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


def count_of(number: int, noun: str) -> str:
    """`1 step`, `1,000 steps`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _lines(message: object) -> list[str]:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines or ["" if isinstance(message, str) else type(message).__name__]
