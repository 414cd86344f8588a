"""One line of a message; durations; numbers with their nouns."""

from __future__ import annotations

import pytest

from atlas.runtime.text import by_number, counted, duration, first_line, last_line


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


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "picture", "0 pictures"),
        (1, "picture", "1 picture"),
        (2000, "val record", "2,000 val records"),
        (1, "class", "1 class"),
        (3, "class", "3 classes"),
        (2, "CPU", "2 CPUs"),
    ],
)
def test_a_number_stands_with_the_form_of_its_noun(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text
    assert by_number(number, "is", "are") == ("is" if number == 1 else "are")
