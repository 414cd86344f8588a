"""Configurations as plain values and back: the fields' types say how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from atlas.runtime.errors import unknown

T = TypeVar("T")


def from_settings(kind: type[T], values: Mapping[str, Any], what: str) -> T:
    """The `kind` that `asdict` turned into `values`: nested dataclasses are built, lists become tuples.

    `what` names it in an error. Raises AtlasError for a name that is no field, here or in what is nested.
    """
    types = get_type_hints(kind)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in names:
            raise unknown(f"{what} setting", name, names)
    return kind(**{name: _value(types[name], name, value) for name, value in values.items()})


def _value(type_: Any, name: str, value: Any) -> Any:
    """`value` as a field of that type, which may be optional, holds it."""
    if value is None:
        return None
    for one in (type_, *get_args(type_)):
        if is_dataclass(one) and isinstance(one, type):
            return from_settings(one, value, name)
    return tuple(value) if get_origin(type_) is tuple else value
