"""Heat maps of the fusion weights α: how much of each adapter every site of the backbone takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.report.canvas import cell_colours, coloured_cell, named_grid, new_figure, titled
from atlas.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fusion_weight_maps(summary: Summary) -> Figure:
    """A panel a task of the best trial's order; row: the site, column: the adapter; number: the mean α."""
    found = summary.alpha
    low, high = weight_range(summary)
    widest, sites = max(len(one.adapters) for one in found), max(len(one.sites) for one in found)
    figure, panels = new_figure(len(found) * (0.62 * widest + 1.7), 0.34 * sites + 2.2, 1, len(found))
    for axes, one in zip(panels, found, strict=True):
        named_grid(axes, one.adapters, [site_name(site) for site in one.sites])
        axes.set_title(f"learning {one.task}", loc="left", fontsize=10)
        for row, weights in enumerate(one.mean):
            for column, weight in enumerate(weights):
                coloured_cell(axes, column, row, f"{weight:.2f}", cell_colours(weight, low, high))
    definition = "Mean combination weight α of each adapter at each site, over records of the task being learnt"
    seeds = tuple(sorted({one.seed for one in found}))
    return titled(figure, summary.model_copy(update={"seeds": seeds}), definition, found[0].split, "own")


def weight_range(summary: Summary) -> tuple[float, float]:
    """The range of all α, so that one colour scale serves all panels; never narrower than 0.1."""
    values = [weight for one in summary.alpha for row in one.mean for weight in row]
    low, high = min(values), max(values)
    return (low, high) if high - low >= 0.1 else ((low + high) / 2 - 0.05, (low + high) / 2 + 0.05)


def site_name(site: str) -> str:
    """`encoder.layer.3.attention.output.dense` in a person's words: `layer 4 attention`."""
    number = next((int(word) + 1 for word in site.split(".") if word.isdigit()), None)
    part = "attention" if "attention" in site or "self_attn" in site else "MLP"
    tower = next((f"{name} " for name in ("vision", "text") if site.startswith(f"{name}_model.")), "")
    return site if number is None else f"{tower}layer {number} {part}"
