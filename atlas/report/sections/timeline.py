"""The timeline of the fleets: which of them trained which step, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from atlas.report.summary import Summary, TrainedStep
from atlas.runtime.text import by_number, counted, duration

COLOURS = 8  # of style.css; tasks after the seventh share the last one
MOST_BARS = 2000
BREAK_SECONDS = 600.0  # a pause in which nothing was trained, from which on the timeline begins anew


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A step on its lane: its left end and its width in percent of the time, and its colour's number."""

    left: float
    width: float
    colour: int
    title: str


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A fleet and the steps that it trained."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class TimelineSection:
    """A lane a fleet; `legend`: the tasks and the numbers of their colours."""

    template: ClassVar[str] = "timeline.html"

    words: str
    lanes: tuple[Lane, ...]
    length: str
    legend: tuple[tuple[str, int], ...]


def timeline_section(summary: Summary) -> TimelineSection | None:
    """The lanes; None where the sweep trained nothing, or its steps do not say when."""
    steps = since_break(summary.timeline)
    if not steps:
        return None
    start, end = min(step.began for step in steps), max(step.ended for step in steps)
    tasks = {task: min(place, COLOURS - 1) for place, task in enumerate(dict.fromkeys(step.task for step in steps))}
    shown = sorted(sorted(steps, key=lambda step: step.began - step.ended)[:MOST_BARS], key=lambda step: step.began)
    lanes = lanes_of(shown)
    return TimelineSection(
        words=_words(summary, steps, len(lanes_of(steps)), end - start, shown=len(shown)),
        lanes=tuple(
            Lane(name=name, bars=tuple(_bar(step, start, end, tasks[step.task]) for step in found))
            for name, found in lanes.items()
        ),
        length=duration(end - start),
        legend=tuple(tasks.items()),
    )


def since_break(steps: Sequence[TrainedStep]) -> list[TrainedStep]:
    """The steps since the last long pause: an interrupted sweep may have been resumed days later."""
    found: list[TrainedStep] = []
    for step in sorted(steps, key=lambda step: step.began):
        if found and step.began - max(one.ended for one in found[-COLOURS:]) > BREAK_SECONDS:
            found = []
        found.append(step)
    return found


def lanes_of(steps: Sequence[TrainedStep]) -> dict[str, list[TrainedStep]]:
    """Name of a lane → its steps: a lane a known fleet; the other steps share lanes where they do not overlap."""
    known: dict[str, list[TrainedStep]] = {}
    others: list[list[TrainedStep]] = []
    for step in sorted(steps, key=lambda step: step.began):
        if step.fleet:
            known.setdefault(f"fleet {step.fleet.rpartition('-')[2]}", []).append(step)
            continue
        lane = next((lane for lane in others if lane[-1].ended <= step.began), None)
        if lane is None:
            others.append(lane := [])
        lane.append(step)
    unknown = {f"fleet ?{place if len(others) > 1 else ''}": lane for place, lane in enumerate(others, start=1)}
    return {**{name: known[name] for name in sorted(known, key=_number)}, **unknown}


def _number(name: str) -> tuple[int, str]:
    digits = name.rpartition(" ")[2]
    return (int(digits) if digits.isdigit() else 0, name)


def _bar(step: TrainedStep, start: float, end: float, colour: int) -> Bar:
    whole = max(end - start, 1e-9)
    lasted = step.ended - step.began
    return Bar(
        left=100 * (step.began - start) / whole,
        width=100 * lasted / whole,
        colour=colour,
        title=f"{step.title}: {duration(lasted)}, from {duration(step.began - start)} on",
    )


def _words(summary: Summary, steps: Sequence[TrainedStep], lanes: int, whole: float, *, shown: int) -> str:
    """The numbers of steps and fleets, and the share of the fleets' time that went into steps."""
    busy = 100 * sum(step.ended - step.began for step in steps) / (lanes * whole) if whole else 100.0
    said = f"{counted(lanes, 'fleet')} trained {counted(len(steps), 'step')} in {duration(whole)}, "
    said += f"{busy:.0f} % of {by_number(lanes, 'its', 'their')} time in a step."
    if any(not step.fleet for step in steps):
        said += " A question mark: which fleet it was is not known."
    if before := len(summary.timeline) - len(steps):
        said += f" {before} more were trained before the sweep was interrupted, and are not drawn."
    if shown < len(steps):
        said += f" The {shown:,} longest are drawn."
    return said
