from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.rerun import rerun_section
from tests.report.conftest import Document, typed


def test_the_command_the_settings_and_the_versions_are_shown(summary: Document) -> None:
    page = render(rerun_section(typed(summary)))
    assert f"<pre>{summary['sweep']['command']}</pre>" in page
    assert "<dt>seeds</dt><dd>1</dd>" in page
    assert "<dt>ray</dt><dd>2.60.0</dd>" in page
    assert "train 4,000, val 500, test 1,000" in page


def test_a_task_that_bears_a_packages_name_does_not_hide_its_version(summary: Document) -> None:
    summary["tasks"]["ray"] = summary["tasks"]["digits"]
    assert [name for name, _ in rerun_section(typed(summary)).versions].count("ray") == 2
