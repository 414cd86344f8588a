"""One line of a message; durations; numbers with their nouns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import atlas
from atlas.runtime.text import by_number, counted, duration, first_line, last_line

PACKAGE = Path(atlas.__file__).parent


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


NOUNS = (
    "adapters|answers|bytes|characters|choices|classes|columns|failures|files|folders|fleets|images|labels|layers|lines|"
    "names|nodes|objects|orders|pairs|pictures|prompts|records|rows|samples|seeds|settings|shards|sites|steps|sweeps|"
    "tasks|texts|tokens|trainings|trials|values|walks|workers"
)
PLURAL = re.compile(rf" (?:[a-z]+ )?(?:{NOUNS})\b")


def uncounted(path: Path) -> Iterator[str]:
    """The places of a file where a number that may be 1 stands before a noun in the plural."""
    for text in ast.walk(ast.parse(path.read_text())):
        for number, after in pairwise(text.values) if isinstance(text, ast.JoinedStr) else ():
            if is_a_count(number) and isinstance(after, ast.Constant) and PLURAL.match(str(after.value)):
                yield f"{path.name}:{number.lineno}: {ast.unparse(number)}{after.value!s:.30}"


def is_a_count(value: ast.expr) -> bool:
    """Whether it is the length of something that is no constant, or written with thousands apart."""
    if not isinstance(value, ast.FormattedValue):
        return False
    spelt = ast.unparse(value.value)
    length = spelt.startswith("len(") and not spelt.removeprefix("len(").rstrip(")").isupper()
    return length or (value.format_spec is not None and ast.unparse(value.format_spec) == "f','")


def test_every_number_of_a_message_takes_its_noun_in_the_right_form() -> None:
    assert [one for path in sorted(PACKAGE.rglob("*.py")) for one in uncounted(path)] == []
