from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.report import read_summary, validate, write_summary
from atlas.report.summary import SHAPE
from atlas.report.summary import __doc__ as documentation
from atlas.runtime.errors import AtlasError

Summary = dict[str, Any]


def test_a_summary_as_documented_has_no_problems(summary: Summary) -> None:
    assert validate(summary) == []


def test_every_key_that_is_checked_is_documented() -> None:
    def names(shape: Any) -> set[str]:
        if isinstance(shape, list):
            return names(shape[0])
        if not isinstance(shape, dict):
            return set()
        inner = set().union(*(names(item) for item in shape.values()))
        return inner | {name.removesuffix("?") for name in shape if name != "*"}

    assert documentation is not None
    assert names(SHAPE) <= set(re.findall(r"\w+", documentation))


def drop(summary: Summary) -> None:
    del summary["plan"]["trials"]


def misspell(summary: Summary) -> None:
    summary["trials"][1]["sede"] = 1


def wrong_type(summary: Summary) -> None:
    summary["ledger"]["steps_trained"] = "55"


def truth_for_number(summary: Summary) -> None:
    summary["tasks"]["digits"]["chance"] = True


def not_a_number(summary: Summary) -> None:
    summary["trials"][0]["R"]["test"]["latest"][0][0] = float("nan")


def cut_matrix(summary: Summary) -> None:
    summary["trials"][0]["R"]["val"]["own"].pop()


def fraction_of_more_than_one(summary: Summary) -> None:
    summary["trials"][0]["R"]["val"]["own"][0][0] = 101.0


def unknown_route(summary: Summary) -> None:
    summary["trials"][0]["R"]["val"]["newest"] = summary["trials"][0]["R"]["val"]["own"]


def unknown_task(summary: Summary) -> None:
    summary["trials"][0]["order"][0] = "vqa"


def task_twice(summary: Summary) -> None:
    summary["trials"][0]["order"][0] = summary["trials"][0]["order"][1]


def trial_twice(summary: Summary) -> None:
    summary["trials"][1]["id"] = summary["trials"][0]["id"]


def no_such_best(summary: Summary) -> None:
    summary["best"]["trial"] = "t99"


def status(summary: Summary) -> None:
    summary["sweep"]["status"] = "DONE"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (drop, "plan.trials is missing"),
        (misspell, "trials[1].sede is not a known key"),
        (wrong_type, "ledger.steps_trained is '55', not int"),
        (truth_for_number, "tasks.digits.chance is True, not int or float"),
        (not_a_number, "trials[0].R.test.latest[0][0] is NaN; write null"),
        (cut_matrix, "trial t00: R.val.own is not 4 × 4"),
        (fraction_of_more_than_one, "trial t00: R.val.own has a score outside 0 to 100"),
        (unknown_route, "trial t00: R.val.newest is not of"),
        (unknown_task, "trial t00 has unknown tasks: vqa"),
        (task_twice, "trial t00 has a task twice"),
        (trial_twice, "trial t00 occurs twice"),
        (no_such_best, "best.trial is 't99', which is no trial"),
        (status, "sweep.status is 'DONE'"),
    ],
)
def test_a_problem_is_named_with_its_place(summary: Summary, spoil: Callable[[Summary], None], problem: str) -> None:
    spoil(summary)
    problems = validate(summary)
    assert len(problems) == 1
    assert problem in problems[0]


def test_costs_and_combination_weights_are_a_part_of_the_schema(rich: Summary) -> None:
    assert validate(rich) == []
    rich["alpha"][1]["mean"][2].append(0.5)
    assert validate(rich) == ["alpha[1].mean is not 8 sites × 2 adapters"]


def test_another_version_is_not_guessed_at(summary: Summary) -> None:
    assert validate({**summary, "schema": 2}) == ["schema is 2; this version reads 1"]


def test_a_written_summary_reads_back_the_same(summary: Summary, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "summary.json"
    write_summary(summary, path)
    assert read_summary(path) == json.loads(json.dumps(summary))
    assert [file.name for file in path.parent.iterdir()] == ["summary.json"]


def test_an_invalid_summary_is_not_written_over_a_valid_one(summary: Summary, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(summary, path)
    before = path.read_text()
    drop(summary)
    with pytest.raises(AtlasError, match=r"plan\.trials is missing"):
        write_summary(summary, path)
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["", "[1]", '{"schema": 1}'])
def test_a_file_that_is_no_summary_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(AtlasError, match="summary"):
        read_summary(tmp_path / "summary.json")
