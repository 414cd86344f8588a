from __future__ import annotations

from atlas.report.best_trial import best_trial
from atlas.report.infeasible import infeasible_lines
from atlas.report.objective import AVERAGE
from atlas.report.page import render_page
from atlas.report.pareto import points
from atlas.report.settings import best_label, setting_rows, short_label
from atlas.report.tables import leaderboard, settings_label
from tests.report.conftest import Document, of_trials, typed

REASON = "trained_parameters is 8%, at most 5% is asked for"


def without_the_best(tuned: Document) -> tuple[Document, str]:
    """The sweep with its best setting made infeasible, and that setting's label."""
    best = best_label(typed(tuned))
    for trial in tuned["trials"]:
        if settings_label(trial["settings"]) == best:
            trial["infeasible"] = REASON
    return of_trials(tuned, tuned["trials"]), best


def test_an_infeasible_setting_is_neither_ranked_nor_the_best_nor_on_the_front(tuned: Document) -> None:
    second = setting_rows(typed(tuned))[1].label
    document, best = without_the_best(tuned)
    summary = typed(document)
    assert best_label(summary) == setting_rows(summary)[0].label == second
    assert best not in {row.label for row in setting_rows(summary)}
    assert len(points(summary)) == len(setting_rows(summary)) == 8
    found = best_trial(summary, AVERAGE)
    assert found is not None
    assert settings_label(summary.trial(found.trial).settings) == second


def test_its_walks_stand_last_without_a_rank_and_say_why(tuned: Document) -> None:
    document, best = without_the_best(tuned)
    rows = leaderboard(typed(document))
    assert [row.settings for row in rows[-2:]] == [best, best]
    assert {row.rank for row in rows[-2:]} == {None}
    assert {row.state for row in rows[-2:]} == {"misses a constraint"}
    assert {row.state for row in rows[:-2]} == {""}


def test_the_page_names_it_once_with_the_constraint(tuned: Document) -> None:
    document, _ = without_the_best(tuned)
    summary = typed(document)
    missing = next(trial for trial in summary.trials if trial.infeasible)
    assert infeasible_lines(summary) == [f"{short_label(missing.settings)}: {REASON}"]
    assert infeasible_lines(typed(tuned | {"trials": [t | {"infeasible": ""} for t in tuned["trials"]]})) == []
    text = render_page(summary)
    assert "Not ranked, since they miss a constraint" in text
    assert text.count(f"{short_label(missing.settings)}: {REASON}") == 1
