from __future__ import annotations

from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.pairs import paired


def pair(folder: Path, records: str, labels: str) -> list[tuple[object, str]]:
    (folder / "a.jsonl").write_text(records)
    (folder / "a.lst").write_text(labels)
    return [(line, label) for _, line, label in paired(folder / "a.jsonl", folder / "a.lst")]


RECORDS = '{"a": 1}\n{"a": 2}\n'


@pytest.mark.parametrize(
    ("records", "labels"), [(RECORDS, "0\n1\n"), (f"{RECORDS}\n \n", "0\n1"), (RECORDS, "0\r\n1\n\n\n")]
)
def test_lines_belong_together_and_blank_ones_at_the_end_do_not_count(
    tmp_path: Path, records: str, labels: str
) -> None:
    assert pair(tmp_path, records, labels) == [({"a": 1}, "0"), ({"a": 2}, "1")]


@pytest.mark.parametrize(
    ("records", "labels", "message"),
    [
        ('{"a": 1}\n\n{"a": 2}\n', "0\n1\n", r"a\.jsonl: line 2 is blank"),
        (RECORDS, "0\n\n1\n", r"a\.lst: line 2 is blank"),
        (RECORDS, "\n0\n1\n", r"a\.lst: line 1 is blank"),
        ('\n{"a": 1}\n{"a": 2}\n', "\n0\n1\n", r"a\.jsonl: line 1 is blank"),
        (RECORDS, "0\n \t\n1\n", r"a\.lst: line 2 is blank"),
        (RECORDS, "0\n", "has 1 label and a.jsonl 2 records"),
    ],
)
def test_what_would_be_a_guess_is_refused(tmp_path: Path, records: str, labels: str, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        pair(tmp_path, records, labels)
