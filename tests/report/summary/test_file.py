from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.metrics import Undefined
from atlas.report import render_page
from atlas.report.summary import document_of, read_summary, write_summary
from atlas.runtime.errors import AtlasError
from tests.report.conftest import Document, typed

VERSION_1 = Path(__file__).parent / "version_1.json"
"""What a sweep of version 0.1.0 left: python sweeps/task_order.py --smoke --rank 2 --steps 2 --evaluate 16 16"""


def test_a_written_summary_reads_back_the_same(summary: Document, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "summary.json"
    write_summary(typed(summary), path)
    assert read_summary(path) == typed(summary)
    assert json.loads(path.read_text()) == json.loads(json.dumps(summary))
    assert [file.name for file in path.parent.iterdir()] == ["summary.json"]


def test_what_a_document_leaves_out_is_not_written(summary: Document) -> None:
    assert document_of(typed(summary)) == summary


def test_an_invalid_summary_is_not_written_over_a_valid_one(summary: Document, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(typed(summary), path)
    before = path.read_text()
    spoilt = typed(summary).model_copy(update={"seeds": ("one",)})
    with pytest.raises(AtlasError, match=r"summary\.json: seeds\[0\] is 'one', not an integer"):
        write_summary(spoilt, path)
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["", "[1]", '{"schema": 1}', '{"schema": 2, "trials": 3}'])
def test_a_file_that_is_no_summary_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(AtlasError, match="summary"):
        read_summary(tmp_path / "summary.json")


def test_a_file_of_version_1_has_its_values_and_reasons_in_one_place() -> None:
    before, summary = json.loads(VERSION_1.read_text()), read_summary(VERSION_1)
    assert before["schema"] == 1
    for row, trial in zip(before["trials"], summary.trials, strict=True):
        values = {name: value for name, value in row["metrics"].items() if not name.endswith("/undefined")}
        assert trial.metrics.keys() == values.keys()
        assert {name for name, value in values.items() if value is None} == {
            name for name, value in trial.metrics.items() if isinstance(value, Undefined)
        }
        assert trial.metrics["val/latest/average_accuracy"] == values["val/latest/average_accuracy"]
        reasons = row["metrics"]["test/undefined"]
        assert trial.metrics["test/latest/intransigence"] == Undefined(reasons["latest/intransigence"])


def test_a_file_of_version_1_keeps_all_else(tmp_path: Path) -> None:
    write_summary(read_summary(VERSION_1), tmp_path / "summary.json")
    before, after = json.loads(VERSION_1.read_text()), json.loads((tmp_path / "summary.json").read_text())
    for document in (before, after):
        document["trials"] = [{**trial, "metrics": {}} for trial in document["trials"]]
    assert after == {**before, "schema": 2}


def test_a_file_of_version_1_draws() -> None:
    page = render_page(read_summary(VERSION_1))
    assert page.count("<svg") > 2
    assert "Which earlier task is reused where?" in page


def test_a_metric_without_a_reason_in_version_1_says_so(tmp_path: Path) -> None:
    document = json.loads(VERSION_1.read_text())
    document["trials"][0]["metrics"] = {"val/latest/forgetting": None}
    (tmp_path / "summary.json").write_text(json.dumps(document))
    found = read_summary(tmp_path / "summary.json").trials[0].metrics
    assert found == {"val/latest/forgetting": Undefined("the reason was not recorded")}
