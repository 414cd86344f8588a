"""Settings from plain JSON values, by the types of a dataclass's fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from atlas.runtime.errors import unknown

if TYPE_CHECKING:
    from pydantic import JsonValue

T = TypeVar("T")


UNSAID = "unsaid"
"""In a field's metadata: its default is no part of the settings, so that a new field changes no earlier key."""


def settings_of(value: Any) -> dict[str, JsonValue]:
    """The fields of a dataclass as plain JSON: mappings for dataclasses and lists for tuples, at any depth."""
    return {one.name: _plain(getattr(value, one.name)) for one in fields(value) if not _is_unsaid(one, value)}


def from_settings(kind: type[T], values: Mapping[str, JsonValue], what: str) -> T:
    """The `kind` that `settings_of` turned into `values`: nested dataclasses are built, lists become tuples.

    `what` names it in an error. Raises UserError for a name that is no field, at any depth.
    """
    types = get_type_hints(kind)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in names:
            raise unknown(f"{what} setting", name, names)
    return kind(**{name: _value(types[name], name, value) for name, value in values.items()})


def _is_unsaid(one: Field[Any], value: Any) -> bool:
    return bool(one.metadata.get(UNSAID)) and getattr(value, one.name) == one.default


def _plain(value: Any) -> JsonValue:
    if is_dataclass(value):
        return settings_of(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _value(type_: Any, name: str, value: JsonValue) -> Any:
    """`value` as a field of that type, which may be optional, holds it."""
    if value is None:
        return None
    for one in (type_, *get_args(type_)):
        if is_dataclass(one) and isinstance(one, type) and isinstance(value, Mapping):
            return from_settings(one, value, name)
    return tuple(value) if get_origin(type_) is tuple and isinstance(value, Sequence) else value
