"""The types of options that Python code gives: what a command line and a file check while they read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from atlas.runtime.errors import UserError

SINGLE = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", NoneType: "None"}


def plain(value: Any) -> Any:
    """A list or range as a tuple, a path as a text, a number of NumPy's as one of Python's: as options hold them."""
    if isinstance(value, list | tuple | range):
        return tuple(map(plain, value))
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def fits(value: object, hint: object) -> bool:
    """Whether a plain value has the type of an option; True is no whole number."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is tuple:
        kinds = parts[:1] * len(value) if isinstance(value, tuple) and parts[-1] is Ellipsis else parts
        return isinstance(value, tuple) and len(kinds) == len(value) and all(map(fits, value, kinds))
    if hint in (int, float):
        return isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)


def says_more(hint: object) -> bool:
    """Whether the option's group checks its range by itself, and says more: of numbers and of given words."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return any(one in (int, float) or get_origin(one) is Literal for one in parts)


def wrong_type(name: str, value: object, hint: object) -> UserError:
    """The error for a value of another type than the option's."""
    return UserError(f"{name} is {value!r:.80}; give {_in_words(hint)}.")


@cache
def hints_of(group: type) -> Mapping[str, object]:
    """Option → its type, of one group."""
    return get_type_hints(group)


def _in_words(hint: object) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_in_words, parts))
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is tuple:
        many = {int: "whole numbers", str: "texts"}[parts[0]]
        return f"a list of {many if parts[-1] is Ellipsis else f'{len(parts)} {many}'}"
    return SINGLE[hint] if isinstance(hint, type) and hint in SINGLE else str(hint)
