from __future__ import annotations

from atlas.report.environment import render
from atlas.report.hypotheses import BASELINES
from atlas.report.sections.hypotheses import HypothesesSection, hypotheses_section
from tests.report.conftest import typed
from tests.report.test_hypotheses import ORDERS, Document, sweep


def section_of(summary: Document) -> HypothesesSection:
    section = hypotheses_section(typed(summary))
    assert section is not None
    return section


def test_the_page_says_what_was_paired_and_what_is_not_decided() -> None:
    page = render(section_of(sweep({"atlas": [53.0, 47.0, 52.0, 48.0, 51.0, 49.0], "fine-tuning": [50.0] * 6})))
    for words in ("Of this backbone, these tasks", "is not decided", BASELINES["fine-tuning"], "Split test, seed 0"):
        assert words in page


def test_a_comparison_that_is_undefined_says_why() -> None:
    alone = sweep({"atlas": [50.0] * 6, "atlas-stage-1": [40.0] * 6})
    alone["trials"] = [trial for trial in alone["trials"] if tuple(trial["order"]) == ORDERS[0]]
    assert "share 1 pair;" in render(section_of(alone))


def test_a_sweep_without_the_method_or_baselines_says_nothing() -> None:
    assert hypotheses_section(typed(sweep({"atlas": [50.0] * 6}))) is None
    assert hypotheses_section(typed(sweep({"ewc": [50.0] * 6, "fine-tuning": [40.0] * 6}))) is None
