from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from atlas.learners.settings import UNSAID, from_settings, settings_of
from atlas.runtime.errors import AtlasError


@dataclass(frozen=True, kw_only=True)
class Inner:
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Late:
    size: int = 1
    added: float | None = field(default=None, metadata={UNSAID: True})


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: ClassVar[str] = "outer"
    size: int = 1
    inner: Inner = field(default_factory=Inner)
    perhaps: Inner | None = None


@pytest.mark.parametrize(
    "value", [Outer(), Outer(size=3, inner=Inner(numbers=(1, 2))), Outer(perhaps=Inner(numbers=(4,)))]
)
def test_what_json_has_carried_comes_back(value: Outer) -> None:
    assert from_settings(Outer, json.loads(json.dumps(settings_of(value))), "outer") == value


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"siz": 1}, "unknown outer setting 'siz'. Did you mean 'size'"),
        ({"perhaps": {"number": []}}, "unknown perhaps setting 'number'. Did you mean 'numbers'"),
        ({"name": "x"}, "unknown outer setting 'name'"),
    ],
)
def test_a_name_that_is_no_field_is_refused_at_any_depth(values: dict[str, object], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        from_settings(Outer, values, "outer")


@pytest.mark.parametrize(("value", "settings"), [(Late(), {"size": 1}), (Late(added=2.0), {"size": 1, "added": 2.0})])
def test_a_field_that_was_added_is_said_only_where_it_is_not_its_default(
    value: Late, settings: dict[str, float]
) -> None:
    assert settings_of(value) == settings
    assert from_settings(Late, settings_of(value), "late") == value
