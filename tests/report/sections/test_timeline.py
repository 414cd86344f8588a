from __future__ import annotations

from typing import Any

from atlas.report.environment import render
from atlas.report.sections.timeline import lanes_of, since_break, timeline_section
from atlas.report.summary import TrainedStep
from tests.report.conftest import Document, typed


def step(key: str, began: float, ended: float, fleet: str = "", task: str = "digits") -> dict[str, Any]:
    return {"key": key, "title": f"{task} ({key})", "task": task, "began": began, "ended": ended, "fleet": fleet}


def steps(*documents: dict[str, Any]) -> list[TrainedStep]:
    return [TrainedStep(**document) for document in documents]


def test_a_sweep_that_trained_nothing_has_no_timeline(summary: Document) -> None:
    assert timeline_section(typed(summary)) is None


def test_each_fleet_has_a_lane_with_its_steps(summary: Document) -> None:
    rows = [
        step("a", 1000, 1010, "x-fleet-1"),
        step("b", 1000, 1005, "x-fleet-0", "easy-vqa"),
        step("c", 1010, 1020, "x-fleet-0"),
    ]
    found = timeline_section(typed({**summary, "timeline": rows}))
    assert found is not None
    assert [(lane.name, len(lane.bars)) for lane in found.lanes] == [("fleet 0", 2), ("fleet 1", 1)]
    assert [(bar.left, bar.width) for bar in found.lanes[0].bars] == [(0.0, 25.0), (50.0, 50.0)]
    assert found.words == "2 fleets trained 3 steps in 20 s, 62 % of their time in a step."
    page = render(found)
    assert 'title="digits (c): 10 s, from 10 s on"' in page
    assert 'style="left:50.00%;width:50.00%"' in page


def test_steps_of_unknown_fleets_share_lanes_where_they_do_not_overlap() -> None:
    found = lanes_of(steps(step("a", 0, 4), step("b", 2, 5), step("c", 4, 6)))
    assert {name: [one.key for one in lane] for name, lane in found.items()} == {
        "fleet ?1": ["a", "c"],
        "fleet ?2": ["b"],
    }


def test_what_was_trained_before_a_long_interruption_is_counted_and_not_drawn(summary: Document) -> None:
    rows = [step("a", 1000, 1010), step("b", 90000, 90010)]
    assert [one.key for one in since_break(steps(*rows))] == ["b"]
    found = timeline_section(typed({**summary, "timeline": rows}))
    assert found is not None
    assert "1 more were trained before the sweep was interrupted" in found.words
