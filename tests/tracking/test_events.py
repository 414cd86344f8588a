from __future__ import annotations

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking.events import Event, checked_status, flat, is_number, parse, thin


def test_an_event_survives_its_line() -> None:
    event = Event(kind="trial_started", key="trial/s/1", body={"order": ["a", "b"], "é": 1.5})
    assert parse(event.line()) == event


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"kind": "trial_started"}'])
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(AtlasError, match="not a line"):
        parse(line)


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match="'trial_step'"):
        parse(b'{"kind": "trial_stap", "key": "k", "at": 1, "body": {}}')


def test_what_json_cannot_hold_is_refused_at_the_call() -> None:
    with pytest.raises(AtlasError, match="plain JSON"):
        Event(kind="trial_step", key="k", body={"value": object()}).line()


def test_nested_settings_get_dotted_names() -> None:
    assert dict(flat({"a": {"b": 1, "c": {"d": [1]}}, "e": {}})) == {"a.b": 1, "a.c.d": [1], "e": {}}


def test_numbers_are_what_a_metric_can_hold() -> None:
    assert [is_number(value) for value in (1, 0.5, True, "1", None, float("nan"), float("inf"))] == [
        *(True, True),
        *(False,) * 5,
    ]


def test_a_thinned_curve_keeps_its_ends_and_its_order() -> None:
    curve = [[step, 0.0] for step in range(1001)]
    thinned = thin(curve, most=50)
    assert len(thinned) == 50
    assert thinned[0] == [0, 0.0]
    assert thinned[-1] == [1000, 0.0]
    assert thinned == sorted(thinned)
    assert thin(curve[:7], most=50) == curve[:7]


def test_a_status_that_mlflow_does_not_know_is_refused() -> None:
    assert checked_status("KILLED") == "KILLED"
    with pytest.raises(AtlasError, match="FINISHED"):
        checked_status("DONE")
