"""The report of a sweep: one self-contained HTML page, and its figures as PNG."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.report import figures, settings_figures
from atlas.report.accuracy_matrices import accuracy_matrices
from atlas.report.canvas import save_png
from atlas.report.downstream import few_shot_curves
from atlas.report.environment import environment
from atlas.report.fusion_weight_maps import fusion_weight_maps
from atlas.report.parameters import varying_parameters
from atlas.report.pareto import pareto, points, varying
from atlas.report.precedence_maps import precedence_maps
from atlas.report.sections.comparison import comparison_section
from atlas.report.sections.costs import costs_section
from atlas.report.sections.downstream import downstream_section
from atlas.report.sections.forgetting import forgetting_section
from atlas.report.sections.fusion_weights import fusion_weights_section
from atlas.report.sections.header import header_section
from atlas.report.sections.held_out import held_out_section
from atlas.report.sections.hypotheses import hypotheses_section
from atlas.report.sections.leaderboard import leaderboard_section
from atlas.report.sections.matrices import matrices_section
from atlas.report.sections.metrics import metrics_section
from atlas.report.sections.orders import orders_section
from atlas.report.sections.precedence import precedence_section
from atlas.report.sections.rerun import rerun_section
from atlas.report.sections.settings import settings_section
from atlas.report.sections.sharing import sharing_section
from atlas.report.sections.tasks import tasks_section
from atlas.report.sections.timeline import timeline_section
from atlas.report.settings import is_settings_sweep, setting_rows
from atlas.report.summary import ROUTES, TOLD, Summary
from atlas.report.tables import leaderboard
from atlas.report.views import Section
from atlas.storage.filesystem import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page's title and its sections, in the order in which they are read.

    That of the fusion weights stands apart: in a sweep that ends they are computed while the others are drawn.
    """

    title: str
    before: tuple[Section, ...]
    fusion_weights: Section | None
    after: tuple[Section, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """All of them."""
        return self.before + (() if self.fusion_weights is None else (self.fusion_weights,)) + self.after


def write_report(summary: Summary, folder: Path) -> list[Path]:
    """`report.html` and the figures as PNG in `folder`; returns their paths, the page first."""
    return [*write_page(summary, folder), *write_figures(summary, folder)]


def write_page(summary: Summary, folder: Path, drawn: Page | None = None) -> list[Path]:
    """`report.html` and the figure of the fusion weights, where the summary has them, in `folder`; their paths.

    `drawn`: the page of the same summary, drawn before it had fusion weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = page_of(summary) if drawn is None else replace(drawn, fusion_weights=fusion_weights_section(summary))
    path = folder / "report.html"
    write_whole(path, _text_of(page).encode())
    maps = {"combination-weights": fusion_weight_maps(summary)} if summary.alpha else {}
    return [path, *(save_png(figure, folder / f"{name}.png") for name, figure in maps.items())]


def write_figures(summary: Summary, folder: Path) -> list[Path]:
    """The figures as PNG in `folder`, but for that of the fusion weights, which come later; their paths."""
    return [save_png(figure, folder / f"{name}.png") for name, figure in drawn_figures(summary).items()]


def render_page(summary: Summary) -> str:
    """The page as text. It asks nothing of the network."""
    return _text_of(page_of(summary))


def page_of(summary: Summary) -> Page:
    """The sections that the summary has something to show in."""
    rows = leaderboard(summary)
    before = (
        header_section(summary, rows),
        settings_section(summary),
        leaderboard_section(summary, rows),
        held_out_section(summary),
        comparison_section(summary),
        hypotheses_section(summary),
        orders_section(summary),
        precedence_section(summary),
        forgetting_section(summary),
    )
    after = (
        costs_section(summary),
        matrices_section(summary, rows),
        metrics_section(summary, rows),
        downstream_section(summary),
        tasks_section(summary),
        sharing_section(summary),
        timeline_section(summary),
        rerun_section(summary),
    )
    return Page(
        title=summary.sweep.name,
        before=_shown(before),
        fusion_weights=fusion_weights_section(summary),
        after=_shown(after),
    )


def _shown(sections: Iterable[Section | None]) -> tuple[Section, ...]:
    return tuple(one for one in sections if one is not None)


def _text_of(page: Page) -> str:
    return environment().get_template("page.html").render(page=page)


def drawn_figures(summary: Summary) -> dict[str, Figure]:
    """File name → figure, of those that the summary has the numbers for, but for that of the fusion weights."""
    drawn = {"sharing": figures.sharing(summary)}
    if not summary.is_scored:
        return drawn
    scored = {route for trial in summary.trials for route in trial.R.get("test", {})}
    routes = [route for route in ROUTES if route in TOLD or route in scored]
    drawn |= {f"accuracy-matrices-{route}": accuracy_matrices(summary, route=route) for route in routes}
    drawn["forgetting-curves"] = figures.forgetting_curves(summary)
    drawn["order-sensitivity"] = figures.order_sensitivity(summary)
    if len(summary.tasks) > 1:
        drawn["precedence-effects"] = precedence_maps(summary)
    if varying(points(summary)):
        drawn["pareto"] = pareto(summary)
    drawn |= _of_settings(summary)
    if summary.downstream:
        drawn["downstream"] = few_shot_curves(summary)
    return drawn


def _of_settings(summary: Summary) -> dict[str, Figure]:
    """The figures of a sweep that tries several settings."""
    rows = setting_rows(summary) if is_settings_sweep(summary) else []
    parameters = varying_parameters(rows) if len(rows) > 1 else []
    if not parameters:
        return {}
    drawn = {
        "slices": settings_figures.slices(summary, rows, parameters),
        "parallel-coordinates": settings_figures.parallel_coordinates(summary, rows, parameters),
    }
    if (pair := settings_figures.contour_pair(parameters)) is not None:
        drawn["contour"] = settings_figures.contour(summary, rows, *pair)
    return drawn
