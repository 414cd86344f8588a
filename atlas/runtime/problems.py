"""The problems that pydantic finds in a file, each in one line that names its place and value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

LONGEST = 40
KINDS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def problem_lines(error: ValidationError) -> list[str]:
    """A line a problem: `trials[1].seed is 'a', not an integer`."""
    return [_line(one) for one in error.errors(include_url=False)]


def first_of(lines: list[str]) -> str:
    """The first problem, and how many more there are."""
    return lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")


def _line(one: ErrorDetails) -> str:
    place, value, kind = _place(one["loc"]), _short(one["input"]), one["type"]
    if kind == "missing":
        return f"{place} is missing"
    if kind == "extra_forbidden":
        return f"{place} is not a known key"
    if kind == "finite_number":
        return f"{place} is {value}; write null where there is no number"
    if kind == "value_error":
        message = str(one.get("ctx", {})["error"])
        return f"{place}: {message}" if place else message
    if kind == "literal_error":
        expected = one.get("ctx", {})["expected"]
        return f"{place} is {value}, not {expected}" if one["loc"][-1] != "[key]" else f"{place} is not {expected}"
    if kind in KINDS:
        return f"{place} is {value}, not {KINDS[kind]}"
    message = one["msg"]
    return f"{place} is {value}: {message[:1].lower()}{message[1:]}"


def _place(location: Iterable[str | int]) -> str:
    """`trials[1].R.val`, of the steps from the root."""
    text = ""
    for part in location:
        if part != "[key]":  # pydantic's mark of a dictionary's key
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
