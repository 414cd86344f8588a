"""The fusion weights of the best trial: how much of each adapter every site takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from atlas.report.canvas import cell_colours
from atlas.report.fusion_weight_maps import site_name, weight_range
from atlas.report.summary import FusionWeights, Summary
from atlas.report.views import Matrix, MatrixCell, MatrixRow, Panel, Scale, evenly
from atlas.runtime.text import counted

ROUNDING = 1e-3  # of weights in a summary, a few adapters at a site


@dataclass(frozen=True, kw_only=True)
class FusionWeightsSection:
    """A map of sites against adapters a task of the best trial's order, on one scale."""

    template: ClassVar[str] = "fusion_weights.html"

    split: str
    seed: int
    normalised: bool
    scale: Scale
    maps: tuple[Panel, ...]


def fusion_weights_section(summary: Summary) -> FusionWeightsSection | None:
    """The mean fusion weights α of the best trial; None where the summary has none."""
    found = summary.alpha
    if not found:
        return None
    low, high = weight_range(summary)
    stops = tuple(cell_colours(weight, low, high)[0] for weight in evenly(low, high))
    return FusionWeightsSection(
        split=found[0].split,
        seed=found[0].seed,
        normalised=sum_to_one(found),
        scale=Scale(low=f"{low:.2f}", high=f"{high:.2f}", stops=stops),
        maps=tuple(_panel(one, low, high) for one in found),
    )


def sum_to_one(found: Sequence[FusionWeights]) -> bool:
    """Whether the adapters' weights sum to 1 at every site, as those of a normalised combination do."""
    return all(abs(sum(weights) - 1) < ROUNDING for one in found for weights in one.mean)


def _panel(one: FusionWeights, low: float, high: float) -> Panel:
    rows = tuple(
        MatrixRow(
            name=site_name(site),
            cells=tuple(
                MatrixCell(text=f"{weight:.2f}", colours=cell_colours(weight, low, high)) for weight in weights
            ),
        )
        for site, weights in zip(one.sites, one.mean, strict=True)
    )
    return Panel(
        heading=f"learning {one.task}",
        note=counted(one.records, "record"),
        matrix=Matrix(corner="site ↓ adapter →", columns=tuple(one.adapters), rows=rows),
    )
