from __future__ import annotations

import io

import pytest
from rich.console import Console

import atlas.data.progress_bar as progress_bar
from atlas.data.options import Progress
from atlas.data.progress_bar import ProgressBar, line

MARKS = [
    Progress(split="train", phase="reading", done=4096, total=None),
    Progress(split="train", phase="pictures", done=0, total=300),
    Progress(split="train", phase="pictures", done=150, total=300),
    Progress(split="train", phase="texts", done=5000, total=5000),
]


@pytest.mark.parametrize(
    ("mark", "seconds", "words"),
    [
        (MARKS[0], 2.0, "vqa train: 4,096 records read, 2,048 a second"),
        (MARKS[1], 1.0, "vqa train: 0 of 300 pictures decoded, 0 a second"),
        (MARKS[2], 10.0, "vqa train: 150 of 300 pictures decoded, 15 a second, 10 s left"),
        (MARKS[2], 1500.0, "vqa train: 150 of 300 pictures decoded, 0 a second, 25 min 00 s left"),
        (
            Progress(split="val", phase="pictures", done=1, total=2),
            7300.0,
            "1 of 2 pictures decoded, 0 a second, 2 h 01 min left",
        ),
        (MARKS[3], 0.0, "vqa train: 5,000 of 5,000 records tokenised, 0 a second"),
    ],
)
def test_a_line_tells_count_rate_and_what_is_left(mark: Progress, seconds: float, words: str) -> None:
    assert line("vqa", mark, seconds).endswith(words)


def test_without_a_terminal_lines_are_printed_and_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 0.0)
    said = io.StringIO()
    with ProgressBar(Console(file=said, width=40), "vqa") as told:
        for mark in MARKS:
            told(mark)
    lines = said.getvalue().splitlines()
    assert len(lines) == len(MARKS)
    assert lines[0].startswith("vqa train: 4,096 records read")
    assert "\x1b" not in said.getvalue()


def test_what_is_soon_over_prints_nothing() -> None:
    said = io.StringIO()
    with ProgressBar(Console(file=said), "vqa") as told:
        for mark in MARKS:
            told(mark)
    assert said.getvalue() == ""


def test_on_a_terminal_there_is_one_bar_a_phase() -> None:
    said = io.StringIO()
    with ProgressBar(Console(file=said, force_terminal=True, width=120), "vqa") as told:
        for mark in MARKS[:3]:
            told(mark)
    last = said.getvalue().rsplit("vqa train: ", 1)[1]
    assert "pictures decoded" in last
    assert "150/300" in last
