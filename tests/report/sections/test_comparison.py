from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.comparison import ComparisonSection, comparison_section
from tests.report.conftest import Document, typed


def section_of(summary: Document) -> ComparisonSection:
    section = comparison_section(typed(summary))
    assert section is not None
    return section


def test_comparisons_name_test_correction_and_the_least_p_there_can_be(rich: Document) -> None:
    page = render(section_of(rich))
    assert "setting that val prefers, <b>rank 16</b>" in page
    for word in ("permutation", "Holm", "Least p", "0.031", "Spearman"):
        assert word in page


def test_settings_without_a_pair_are_named_and_counted(rich: Document) -> None:
    for number, trial in enumerate(rich["trials"]):
        trial["settings"] = {"rate": number}
    section = section_of(rich)
    assert len(section.reasons) == 2
    page = render(section)
    assert "Not compared: “rate " in page
    assert f"; and {section.more_reasons} more.</p>" in page


def test_one_setting_has_no_comparison(summary: Document) -> None:
    assert comparison_section(typed(summary)) is None
