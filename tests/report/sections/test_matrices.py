from __future__ import annotations

from atlas.report import leaderboard
from atlas.report.environment import render
from atlas.report.sections.matrices import matrices_section
from tests.report.beyond import scored_beyond
from tests.report.conftest import Document, of_trials, typed


def test_a_map_a_trial_and_route_with_the_scores_that_there_are(summary: Document) -> None:
    summary = of_trials(summary, summary["trials"][:2])
    rows = leaderboard(typed(summary))
    section = matrices_section(typed(summary), rows)
    page = render(section)
    assert page.count('<div class="map">') == 4
    assert page.count('<td class="no"></td>') == 4 * 6  # the upper triangle
    first = next(trial for trial in summary["trials"] if trial["id"] == rows[0].trial)
    assert section.latest[0].rows[0].cells[0].text == f"{first['R']['test']['latest'][0][0]:.1f}"
    assert "are shown" not in page


def test_the_row_before_any_task_is_the_bare_backbones(summary: Document) -> None:
    summary = of_trials(summary, summary["trials"][:1])
    trial = summary["trials"][0]
    first, *others = trial["order"]
    scores = {str(trial["seed"]): {first: {"val": 20.0, "test": 23.5}}}
    found = typed({**summary, "references": {**summary["references"], "zero_shot": scores}})
    section = matrices_section(found, leaderboard(found))
    assert [cell.text for cell in section.latest[0].before] == ["23.5", *("" for _ in others)]
    page = render(section)
    assert page.index("0 zero-shot") < page.index(f"1 {first}")
    assert "zero-shot" not in render(matrices_section(typed(summary), leaderboard(typed(summary))))


def test_scores_of_tasks_to_come_are_marked_and_route_free_has_maps_of_its_own(summary: Document) -> None:
    found = typed(scored_beyond(summary))
    section = matrices_section(found, leaderboard(found))
    page = render(section)
    assert page.count('<td class="ahead"') == 6 + 6  # the upper triangle of latest, and of free
    assert [cell.text for cell in section.free[0].before] == ["40.0"] * 4
    assert [cell.ahead for cell in section.latest[0].rows[0].cells] == [False, True, True, True]
    assert "in italics, of those to come" in page
    assert "route free" in page
    assert "route free" not in render(matrices_section(typed(summary), leaderboard(typed(summary))))


def test_more_trials_than_maps_are_counted(summary: Document) -> None:
    copies = [{**trial, "id": f"{trial['id']}-{n}"} for trial in summary["trials"] for n in (1, 2)]
    many = of_trials(summary, copies)
    assert "The first 24 of 48 are shown." in render(matrices_section(typed(many), leaderboard(typed(many))))


def test_maps_of_a_sweep_of_settings_name_theirs(tuned: Document, summary: Document) -> None:
    found = typed(tuned)
    section = matrices_section(found, leaderboard(found))
    assert section.latest[0].setting == "bottleneck, learned, softmax, weighting whole, rank 16"
    assert section.latest[0].setting in render(section)
    assert {one.setting for one in matrices_section(typed(summary), leaderboard(typed(summary))).latest} == {""}
