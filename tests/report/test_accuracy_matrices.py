from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from atlas.report.accuracy_matrices import accuracy_matrices
from tests.report.beyond import scored_beyond
from tests.report.conftest import Document, typed


def each_matrix(figure: Figure) -> Iterator[list[Text]]:
    """The texts of each matrix: its scores, its title, the names of its rows and of its columns."""
    (axes,) = figure.axes
    own: list[Text] = []
    for text in axes.texts:
        if text.get_rotation() == 0 and own and own[-1].get_rotation() != 0:
            yield own
            own = []
        own.append(text)
    yield own


def words(texts: list[Text]) -> list[str]:
    return [text.get_text() for text in texts]


def test_the_matrices_show_the_numbers_in_the_leaderboards_order(summary: Document) -> None:
    shown = list(each_matrix(accuracy_matrices(typed(summary), most=5)))
    best = next(trial for trial in summary["trials"] if trial["id"] == summary["best"]["trial"])
    R = best["R"]["test"]["latest"]
    scores = [f"{R[row][column]:.0f}" for row in range(4) for column in range(row + 1)]  # the lower triangle
    assert len(shown) == 5
    names = [name if len(name) <= 10 else name[:9] + "…" for name in best["order"]]
    assert words(shown[0]) == [*scores, f"1. trial {best['id']}", *names, *names]


def test_a_score_stands_in_the_middle_of_its_coloured_cell(summary: Document) -> None:
    (axes,) = accuracy_matrices(typed(summary), most=1).axes
    (cells,) = axes.collections
    middles = [path.vertices[:4].mean(axis=0) for path in cells.get_paths()]
    assert [text.get_position() for text in axes.texts[:10]] == [pytest.approx(tuple(middle)) for middle in middles]
    assert len({tuple(colour) for colour in cells.get_facecolor()}) > 1


@pytest.mark.parametrize("trials", [1, 2, 7, 24])
def test_there_is_room_for_every_name_and_for_the_title(summary: Document, trials: int) -> None:
    """The layout is given, not computed from the names."""
    renamed = json.loads(
        json.dumps(summary).replace('"digits"', '"mmmmmmmmmmmmmm"').replace('"easy-vqa"', '"zero-shotX"')
    )
    figure = accuracy_matrices(typed(renamed), most=trials)
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    shown = [Bbox.union([text.get_window_extent() for text in texts]) for texts in each_matrix(figure)]
    (title,) = (text.get_window_extent() for text in figure.texts)
    whole = [one.extents for one in (*shown, title)]
    width, height = figure.bbox.size
    assert len(whole) == trials + 1
    assert all(x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height for x0, y0, x1, y1 in whole)
    apart = [
        one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
        for one, two in combinations(whole, 2)
    ]
    assert all(apart)


@pytest.mark.parametrize(("route", "bare"), [("latest", "30"), ("free", "40")])
def test_the_bare_backbone_comes_first_and_tasks_to_come_are_marked(summary: Document, route: Any, bare: str) -> None:
    figure = accuracy_matrices(typed(scored_beyond(summary)), route=route)
    (texts,) = each_matrix(figure)
    *scores, title, first = texts[: 4 * 5 + 2]
    assert [(text.get_text(), text.get_style()) for text in scores[:4]] == [(bare, "italic")] * 4
    assert [text.get_style() for text in scores[4:8]] == ["normal", "italic", "italic", "italic"]
    assert title.get_text().startswith("1. trial")
    assert first.get_text() == "zero-shot"
    (line,) = figure.axes[0].lines  # between what is learnt and what is to come
    assert line.get_drawstyle() == "steps-post"


def test_a_route_without_scores_has_matrices_without_cells(summary: Document) -> None:
    shown = list(each_matrix(accuracy_matrices(typed(summary), route="free", most=2)))
    assert [len(texts) for texts in shown] == [1 + 4 + 4] * 2


@pytest.mark.parametrize("tasks", [1, 4, 6, 8, 12])
def test_a_perfect_score_fits_into_its_cell(summary: Document, tasks: int) -> None:
    names = tuple(f"task-{number}" for number in range(tasks))
    rows = [[100.0 if column <= row else None for column in range(tasks)] for row in range(tasks)]
    one = typed(summary)
    R = {split: dict.fromkeys(("latest", "own"), rows) for split in ("val", "test")}
    trial = one.trials[0].model_copy(update={"order": names, "R": R})
    facts = dict.fromkeys(names, next(iter(one.tasks.values())))
    whole = one.model_copy(update={"trials": (trial,), "tasks": facts, "best": None})
    figure = accuracy_matrices(whole)
    (axes,) = figure.axes
    (cells,) = axes.collections
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    side = np.ptp(axes.transData.transform(cells.get_paths()[0].vertices)[:, 0])
    scores = [text for text in axes.texts if text.get_text() == "100"]
    assert len(scores) == tasks * (tasks + 1) / 2
    assert all(text.get_window_extent().width < side for text in scores)
