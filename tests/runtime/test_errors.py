from __future__ import annotations

import pytest

from atlas.runtime.errors import AtlasError, unknown


def test_an_error_for_people_is_a_value_error() -> None:
    assert issubclass(AtlasError, ValueError)


def test_an_unknown_name_is_answered_by_the_nearest_and_by_all() -> None:
    message = str(unknown("task", "easy-vqq", ["digits", "easy-vqa"]))
    assert message == "unknown task 'easy-vqq'. Did you mean 'easy-vqa'? Known: digits, easy-vqa."


def test_no_guess_is_made_where_nothing_is_near() -> None:
    assert "Did you mean" not in str(unknown("task", "zzz", ["digits"]))


@pytest.mark.parametrize("seen", [None, 3, ("digits",)])
def test_what_was_seen_may_be_anything(seen: object) -> None:
    assert repr(seen) in str(unknown("task", seen, ["digits"]))
