from __future__ import annotations

import pytest
from pydantic import ValidationError

from atlas.tracking.events import (
    EVENTS,
    CurvePoint,
    StepFinished,
    SweepFinished,
    SweepStarted,
    TrialFinished,
    TrialStarted,
    TrialStep,
    thin,
)


def test_each_kind_is_the_name_of_its_type() -> None:
    assert {kind: EVENTS[kind].model_fields["kind"].default for kind in EVENTS} == {kind: kind for kind in EVENTS}


def test_an_event_names_its_run_by_a_key() -> None:
    assert SweepStarted(sweep="s", name="a sweep", params={}).key == SweepFinished(sweep="s", status="KILLED").key
    trial = TrialStarted(sweep="s", trial="t", params={})
    assert trial.key == "trial/s/t" == TrialStep(sweep="s", trial="t", step="k", tasks_seen=1).key
    assert StepFinished(key="k").key == "k"


def test_settings_that_json_cannot_hold_are_refused_at_the_call() -> None:
    with pytest.raises(ValidationError, match="plain JSON"):
        SweepStarted(sweep="s", name="a sweep", params={"value": object()})  # type: ignore[dict-item]


def test_settings_are_copied_as_json_has_them() -> None:
    given = {"order": ("a", "b"), "nested": {"r": 8}}
    event = TrialStarted(sweep="s", trial="t", params=given)  # type: ignore[arg-type]
    given["nested"]["r"] = 9  # type: ignore[index]
    assert event.params == {"order": ["a", "b"], "nested": {"r": 8}}


def test_an_unknown_status_or_field_is_refused_at_the_call() -> None:
    with pytest.raises(ValidationError, match="'PRUNED', 'FAILED' or 'KILLED'"):
        TrialFinished(sweep="s", trial="t", status="DONE")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="metric"):
        TrialFinished(sweep="s", trial="t", status="FAILED", metric={})  # type: ignore[call-arg]


def test_the_end_of_a_trial_is_tagged_with_its_reason_and_the_constraint_that_it_misses() -> None:
    ended = TrialFinished(sweep="s", trial="t", status="PRUNED", reason="too many", infeasible="too many")
    assert ended.tags == {"atlas.ended": "pruned: too many", "atlas.infeasible": "too many"}
    assert TrialFinished(sweep="s", trial="t", status="FINISHED").tags == {"atlas.ended": "finished"}


def test_a_thinned_curve_keeps_its_ends_and_its_order() -> None:
    curve = tuple(CurvePoint(step, 0.0) for step in range(1001))
    thinned = thin(curve, most=50)
    assert len(thinned) == 50
    assert thinned[0] == (0, 0.0)
    assert thinned[-1] == (1000, 0.0)
    assert list(thinned) == sorted(thinned)
    assert thin(curve[:7], most=50) == curve[:7]


def test_a_step_carries_at_most_a_hundred_points_a_curve() -> None:
    curve = tuple(CurvePoint(step, 1.0) for step in range(5000))
    event = StepFinished(key="k", curves={"loss": curve, "short": curve[:2]})
    assert {name: len(points) for name, points in event.curves.items()} == {"loss": 100, "short": 2}
