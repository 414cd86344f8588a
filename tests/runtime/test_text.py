"""One line of a message; durations."""

from __future__ import annotations

import pytest

from atlas.runtime.text import duration, first_line, last_line


@pytest.mark.parametrize(
    ("message", "first", "last"),
    [
        (ValueError("\n  a\nb\n\n c \n"), "a", "c"),
        (ValueError(), "ValueError", "ValueError"),
        (ValueError(" \n"), "ValueError", "ValueError"),
        ("a\nb", "a", "b"),
        ("", "", ""),
    ],
)
def test_one_line_is_taken_of_a_message(message: object, first: str, last: str) -> None:
    assert (first_line(message), last_line(message)) == (first, last)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (3600, "1 h 00 min"), (7325, "2 h 02 min")],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text
