from __future__ import annotations

import json
import math

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking.event_lines import SCHEMA_VERSION, from_line, to_line
from atlas.tracking.events import (
    Event,
    RunArtifact,
    SweepFinished,
    SweepStarted,
    TrialFinished,
    TrialStarted,
    TrialStep,
)
from tests.tracking.walks import finished_step

EVENTS: tuple[Event, ...] = (
    SweepStarted(sweep="s", name="a sweep", params={"é": [1.5, None, {"deep": True}]}, tags={"who": "me"}),
    TrialStarted(sweep="s", trial="t", params={"order": ["a", "b"]}),
    finished_step("k", artifacts=[["/a/page.html", "report"]]),
    TrialStep(sweep="s", trial="t", step="k", tasks_seen=2, metrics={"val": 0.5, "test": None}),
    TrialFinished(sweep="s", trial="t", status="FAILED"),
    SweepFinished(sweep="s", status="KILLED", artifacts=(RunArtifact("/a/page.html"),)),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_its_line(event: Event) -> None:
    line = to_line(event)
    assert line.count(b"\n") == 1
    assert json.loads(line)["schema_version"] == SCHEMA_VERSION
    assert from_line(line) == event


def test_an_undefined_metric_survives_its_line() -> None:
    event = from_line(to_line(TrialFinished(sweep="s", trial="t", status="FINISHED", metrics={"val": math.nan})))
    assert isinstance(event, TrialFinished)
    value = event.metrics["val"]
    assert value is None or math.isnan(value)


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"7", b'{"kind": "trial_started"}', b'{"kind": "trial_started", "at": 1, "body": 1}']
)
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(AtlasError, match="not a line"):
        from_line(line)


def test_a_line_without_a_field_or_with_one_too_many_is_refused() -> None:
    fields = json.loads(to_line(EVENTS[4]))
    for change in ({"status": "DONE"}, {"more": 1}):
        with pytest.raises(AtlasError, match="not a line"):
            from_line(json.dumps({**fields, **change}).encode())


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match="'trial_step'"):
        from_line(b'{"kind": "trial_stap", "key": "k", "at": 1, "body": {}}')


def test_a_line_of_a_later_schema_says_what_to_do() -> None:
    with pytest.raises(AtlasError, match="install that one"):
        from_line(b'{"schema_version": 5, "kind": "trial_step", "at": 1}')


FIRST_SCHEMA = (
    b'{"kind":"sweep_started","key":"sweep/s","at":1,"body":{"sweep":"s","name":"n","params":{"lr":0.1},"tags":'
    b'{"kind":"sweep"},"note":"Why?"}}',
    b'{"kind":"trial_started","key":"trial/s/t","at":2,"body":{"sweep":"s","trial":"t","params":{"order":["a"]}}}',
    b'{"kind":"step_finished","key":"abc","at":3,"body":{"facts":{"name":"a (expansion)","sweep":"s","settings":'
    b'{"stage":{"kind":"expansion"},"seed":0},"tags":{"task":"a"},"curves":{"loss":[[1,2.5],[50,NaN]]},"scores":'
    b'{"test/own/a":50.0,"cost/seconds":1.5},"position":0,"started":1.5,"ended":2.5,"datasets":[{"name":"a",'
    b'"fingerprint":"f","source":{"counts":{"train":9}},"source_type":"local","context":"train"}],"adapter":"/x"}}}',
    b'{"kind":"trial_step","key":"trial/s/t","at":4,"body":{"sweep":"s","trial":"t","step":"abc","tasks_seen":1,'
    b'"metrics":{"val":50.0}}}',
    b'{"kind":"trial_finished","key":"trial/s/t","at":5,"body":{"sweep":"s","trial":"t","status":"FINISHED",'
    b'"metrics":{}}}',
    b'{"kind":"sweep_finished","key":"sweep/s","at":6,"body":{"sweep":"s","status":"FINISHED","metrics":{"a":1},'
    b'"artifacts":[["/s/summary.json",""]]}}',
)


def test_a_journal_of_the_first_schema_is_read() -> None:
    events = [from_line(line) for line in FIRST_SCHEMA]
    assert [event.at for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.key for event in events] == ["sweep/s", "trial/s/t", "abc", "trial/s/t", "trial/s/t", "sweep/s"]
    step, end = events[2], events[5]
    assert step.kind == "step_finished"
    assert step.curves["loss"][0] == (1, 2.5)
    assert step.datasets[0].source == {"counts": {"train": 9}}
    assert step.status == "FINISHED"
    assert end.kind == "sweep_finished"
    assert end.artifacts == (RunArtifact("/s/summary.json", ""),)
