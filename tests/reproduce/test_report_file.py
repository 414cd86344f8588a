from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.reproduce.report_file import ReportedComparison, ReportedTolerance, ReproductionReport
from atlas.runtime.errors import AtlasError
from atlas.sweep.provenance import machine, versions


@pytest.fixture
def report() -> ReproductionReport:
    group = {"what": "a > b, seed 0", "split": "test", "route": "latest"}
    return ReproductionReport(
        run="a-sweep",
        recorded_command="python x.py",
        command="python x.py --storage /x",
        date="2026-01-01T00:00:00+0000",
        seconds=1.5,
        machine=machine(),
        versions=versions(),
        fingerprints={"a": "f"},
        backbone="b",
        precision="float32",
        differences=(),
        tolerance=ReportedTolerance(points=0.0, reason="as given"),
        largest=None,
        compared=(ReportedComparison(**group, difference=None, scores=3, missing=3, equal=False),),
        status="FINISHED",
        equal=False,
    )


def test_the_file_has_the_schema_first_and_null_where_nothing_was_compared(
    report: ReproductionReport, tmp_path: Path
) -> None:
    report.write(tmp_path / "deep" / "told.json")
    told = json.loads((tmp_path / "deep" / "told.json").read_text())
    assert next(iter(told.items())) == ("schema", 1)
    assert told["largest"] is told["compared"][0]["difference"] is None
    assert told["machine"]["cpus"] == machine().cpus


def test_a_place_that_cannot_be_written_is_named(report: ReproductionReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AtlasError, match=r"file/told\.json cannot be written: .*; name another by --report"):
        report.write(tmp_path / "file" / "told.json")
