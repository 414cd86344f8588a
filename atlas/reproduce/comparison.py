"""Comparison of a run with its reproduction, score by score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from atlas.report.summary import SPLITS, Summary, TrialRow
from atlas.reproduce.recorded_run import settings_key

Group = tuple[str, str, str]
Cell = tuple[int | str, ...]
Scores = dict[Group, dict[Cell, float]]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A group of scores: `what` (the order with seed and settings, a reference, a probe), its split and route.

    difference: the largest |difference|, in points; None where the reproduction has none of them. missing: how many
    of the `scores` it lacks.
    """

    what: str
    split: str
    route: str
    difference: float | None
    scores: int
    missing: int

    def is_equal(self, tolerance: float) -> bool:
        """Whether every score is there and no more than `tolerance` points away."""
        return self.missing == 0 and self.difference is not None and self.difference <= tolerance


def compare(recorded: Scores, found: Scores) -> list[Compared]:
    """Each group of recorded scores compared with the reproduced ones."""
    return [_compared(group, cells, found.get(group, {})) for group, cells in recorded.items()]


def scores_of(summary: Summary, trials: Sequence[TrialRow]) -> Scores:
    """All scores of the walks, of the references, and of the probes after those walks and on the bare backbone."""
    found: Scores = defaultdict(dict)
    for group, cell, value in (*_of_walks(trials), *_of_references(summary), *_of_probes(summary, trials)):
        if value is not None:
            found[group][cell] = value
    return dict(found)


def _of_walks(trials: Sequence[TrialRow]) -> Iterator[tuple[Group, Cell, float | None]]:
    for row in trials:
        for split, routes in row.R.items():
            for route, R in routes.items():
                for i, scores in enumerate(R):
                    for j, score in enumerate(scores):
                        yield (name_of(row), split, route), (i, j), score


def _of_references(summary: Summary) -> Iterator[tuple[Group, Cell, float | None]]:
    for name, seeds in summary.references.kinds().items():
        for seed, tasks in seeds.items():
            for task, score in tasks.items():
                for split in SPLITS:
                    yield (f"{name} (reference), seed {seed}", split, "own"), (task,), score.of(split)


def _of_probes(summary: Summary, trials: Sequence[TrialRow]) -> Iterator[tuple[Group, Cell, float]]:
    """The probes of a walk that was left out are left out too."""
    names = {row.id: f"after {name_of(row)}" for row in trials}
    known = {row.id for row in summary.trials}
    for probe in summary.downstream:
        bare = probe.trial not in known
        if not bare and probe.trial not in names:
            continue
        what = f"on the bare backbone, seed {probe.seed}" if bare else names[probe.trial]
        for split in SPLITS:
            yield (what, split, "own"), (probe.task, probe.way, probe.shots), probe.of(split)


def name_of(row: TrialRow) -> str:
    """A walk in words, the same in every sweep that takes it."""
    settings = f", {settings_key(row)}" if row.settings else ""
    return f"{' > '.join(row.order)}, seed {row.seed}{settings}"


def _compared(group: Group, cells: Mapping[Cell, float], found: Mapping[Cell, float]) -> Compared:
    apart = [abs(found[cell] - score) for cell, score in cells.items() if cell in found]
    what, split, route = group
    return Compared(
        what=what,
        split=split,
        route=route,
        difference=max(apart, default=None),
        scores=len(cells),
        missing=len(cells) - len(apart),
    )
