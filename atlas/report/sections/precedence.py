"""The precedence effects: what a task's coming earlier or later does to the final score of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from atlas.metrics import Undefined
from atlas.report.canvas import effect_colours
from atlas.report.comparisons import precedence
from atlas.report.formats import number, seeds
from atlas.report.precedence_maps import TOLD, effect_limit, is_clear
from atlas.report.summary import Summary
from atlas.report.views import Matrix, MatrixCell, MatrixRow, Panel, Scale, evenly
from atlas.runtime.text import counted
from atlas.statistics import Interval, Precedence

Effects = Mapping[tuple[str, str], Precedence | Undefined]


@dataclass(frozen=True, kw_only=True)
class PrecedenceSection:
    """A map of tasks against tasks a route, on one scale."""

    template: ClassVar[str] = "precedence.html"

    seeds: str
    scale: Scale
    maps: tuple[Panel, ...]


def precedence_section(summary: Summary) -> PrecedenceSection | None:
    """The pairwise effects under the best settings; None where no two tasks came in both sequences."""
    tasks, limit = list(summary.tasks), effect_limit(summary)
    found = {route: precedence(summary, route) for route in TOLD}
    if all(isinstance(effect, Undefined) for effects in found.values() for effect in effects.values()):
        return None
    return PrecedenceSection(
        seeds=seeds(summary),
        scale=Scale(
            low=f"−{limit:.1f} harms",
            high=f"+{limit:.1f} helps",
            stops=tuple(effect_colours(effect, limit)[0] for effect in evenly(-limit, limit)),
        ),
        maps=tuple(
            Panel(heading=f"Route {route}", matrix=_matrix(tasks, effects, limit)) for route, effects in found.items()
        ),
    )


def _matrix(tasks: Sequence[str], effects: Effects, limit: float) -> Matrix:
    return Matrix(
        corner="score of ↓, earlier →",
        columns=tuple(tasks),
        rows=tuple(
            MatrixRow(name=task, cells=tuple(_cell(effects.get((task, other)), limit) for other in tasks))
            for task in tasks
        ),
    )


def _cell(effect: Precedence | Undefined | None, limit: float) -> MatrixCell:
    if effect is None:
        return MatrixCell()
    if isinstance(effect, Undefined):
        return MatrixCell(title=effect.reason)
    return MatrixCell(
        text=number(effect.effect, sign=True) + ("*" if is_clear(effect) else ""),
        colours=effect_colours(effect.effect, limit),
        title=_counts(effect),
    )


def _counts(effect: Precedence) -> str:
    """The numbers of orders that the effect rests on, and its interval."""
    found = effect.interval
    sure = f"{found.low:+.1f} to {found.high:+.1f}" if isinstance(found, Interval) else f"no interval: {found.reason}"
    return (
        f"{effect.other} before {effect.task} in {counted(effect.before, 'order')}, after it in {effect.after}; {sure}"
    )
