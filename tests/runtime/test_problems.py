from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from atlas.runtime.problems import first_of, problem_lines


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    count: int
    kind: Literal["a", "b"] = "a"

    @field_validator("count")
    @classmethod
    def _check(cls, count: int) -> int:
        if count < 0:
            raise ValueError("a count is never below 0")
        return count


class Outer(BaseModel):
    parts: dict[Literal["x", "y"], list[Inner]]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"parts": {"x": [{}]}}, "parts.x[0].count is missing"),
        ({"parts": {"x": [{"count": "many"}]}}, "parts.x[0].count is 'many', not an integer"),
        ({"parts": {"x": [{"count": 1, "size": 2}]}}, "parts.x[0].size is not a known key"),
        ({"parts": {"x": [{"count": 1, "kind": "c"}]}}, "parts.x[0].kind is 'c', not 'a' or 'b'"),
        ({"parts": {"z": []}}, "parts.z is not 'x' or 'y'"),
        ({"parts": {"x": [{"count": -1}]}}, "parts.x[0].count: a count is never below 0"),
        ({"parts": "x" * 90}, f"parts is '{'x' * 36}..., not an object"),
    ],
)
def test_a_problem_is_a_line_with_its_place_and_value(value: object, line: str) -> None:
    with pytest.raises(ValidationError) as found:
        Outer.model_validate(value)
    assert problem_lines(found.value) == [line]


def test_the_first_problem_says_how_many_there_are() -> None:
    assert first_of(["a is missing"]) == "a is missing"
    assert first_of(["a is missing", "b is missing", "c is missing"]) == "a is missing (and 2 more)"
