from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.tasks import tasks_section
from tests.report.conftest import Document, typed


def test_a_row_a_task_beside_its_references(summary: Document) -> None:
    section = tasks_section(typed(summary))
    assert section.tasks.rows[0][:8] == (
        *("easy-vqa", "vision-language", "4,000"),
        *("7.7", "9.6", "7.7", "71.0", "88.0"),
    )
    assert '<td class="w">sentiment</td>' in render(section)
    assert "Zero-shot" not in render(section)


def test_zero_shot_is_the_first_reference_where_the_backbone_can_answer(summary: Document) -> None:
    (seed, *_) = summary["references"]["untrained"]
    zero_shot = {"zero_shot": {seed: {"easy-vqa": {"val": 20.0, "test": 23.5}}}}
    found = typed({**summary, "references": {**summary["references"], **zero_shot}})
    section = tasks_section(found)
    assert section.tasks.rows[0][4:7] == ("9.6", "23.5", "7.7")
    assert section.tasks.rows[1][5] == "–"
    assert render(section).index("Zero-shot") < render(section).index("Untrained")
