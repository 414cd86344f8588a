"""Files of predictions, scored by benchmarks' rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import UserError
from atlas.tasks.scoring.__main__ import main
from atlas.tasks.scoring.prediction_file import score_file

ANSWER_8 = {"question_id": "8", "answer": "dog"}
ANSWERS = [("7", "Fox"), ("8", "dog"), ("9", "cat")]


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def lines(path: Path, *said: tuple[str | int, str]) -> Path:
    path.write_text("".join(json.dumps({"question_id": one, "text": text}) + "\n" for one, text in said))
    return path


@pytest.fixture
def test_file(tmp_path: Path) -> Path:
    return written(tmp_path / "test.json", [{"question_id": one, "answer": text} for one, text in ANSWERS])


def test_predictions_are_matched_with_questions_by_their_ids(tmp_path: Path, test_file: Path) -> None:
    said = lines(tmp_path / "said.jsonl", (8, "DOG"), ("7", "wolf"))
    found = score_file(said, test_file, rule="exact-upper")
    assert (found.value, found.predictions, found.missing) == (50.0, 2, 1)


def test_captions_are_matched_by_their_place(tmp_path: Path) -> None:
    captions = {
        "images": [{"id": 30}, {"id": 10}],
        "annotations": [
            {"image_id": 10, "caption": "two blue stars"},
            {"image_id": 30, "caption": "a red ring"},
            {"image_id": 30, "caption": "one ring"},
        ],
    }
    said = lines(tmp_path / "said.jsonl", ("x", "one ring"), ("y", "two blue stars"))
    found = score_file(said, written(tmp_path / "coco.json", captions), rule="exact")
    assert (found.value, found.missing) == (100.0, 0)


def test_what_ten_people_said_is_had_from_textvqa_s_file(tmp_path: Path) -> None:
    people = {"data": [{"question_id": 5, "answers": ["red"] * 3 + ["blue"] * 7}]}
    said = lines(tmp_path / "said.jsonl", (5, "Red"))
    assert score_file(said, written(tmp_path / "people.json", people), rule="vqa").value == pytest.approx(90.0)


def test_the_command_prints_a_line_a_rule(tmp_path: Path, test_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(tmp_path / "said.jsonl", (8, "DOG"), ("7", "wolf"))
    main([str(said), str(test_file), "--by", "coin-vqav2", "exact"])
    assert capsys.readouterr().out.splitlines() == [
        "exact-upper: 50.00 of 2 predictions; 1 question without one",
        "exact: 0.00 of 2 predictions; 1 question without one",
    ]
    with pytest.raises(SystemExit):
        main([str(said), str(test_file), "--by", "coin-vqa2"])
    assert "unknown rule or task 'coin-vqa2'. Did you mean 'coin-vqav2'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([("6", "fox")], "the prediction of '6' has no question in .*test.json"),
        ([("7", "fox"), (7, "dog")], "said.jsonl:2: the question '7' has two predictions"),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused(
    tmp_path: Path, test_file: Path, said: list[tuple[str | int, str]], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        score_file(lines(tmp_path / "said.jsonl", *said), test_file, rule="exact")


def test_files_of_another_kind_are_refused(tmp_path: Path, test_file: Path) -> None:
    said = lines(tmp_path / "said.jsonl", ("7", "fox"))
    with pytest.raises(UserError, match="unknown rule 'exat'. Did you mean 'exact'"):
        score_file(said, test_file, rule="exat")
    with pytest.raises(UserError, match=r"has no questions, no captions and no answers\. .*'images'"):
        score_file(said, written(tmp_path / "other.json", {"x": []}), rule="exact")
    with pytest.raises(UserError, match=r"blank.json: \[0\]: .*'answer'"):
        score_file(said, written(tmp_path / "blank.json", [{"question_id": 7}]), rule="exact")
    (tmp_path / "bad.jsonl").write_text('{"question_id": 7}\n')
    with pytest.raises(UserError, match="bad.jsonl:1: .*'text'"):
        score_file(tmp_path / "bad.jsonl", test_file, rule="exact")


@pytest.mark.parametrize("before", [b"\n  ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_a_list_of_questions_may_begin_with_blanks_or_a_byte_order_mark(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "test.json"
    path.write_bytes(before + json.dumps([{"question_id": 7, "answer": "fox"}]).encode())
    assert score_file(lines(tmp_path / "said.jsonl", ("7", "fox")), path, rule="exact").value == 100.0


def test_a_question_with_two_different_answers_is_refused_and_one_that_is_repeated_is_one(tmp_path: Path) -> None:
    said = lines(tmp_path / "said.jsonl", ("7", "fox"))
    questions = [{"question_id": 7, "answer": text} for text in ("fox", "fox", "dog")]
    found = score_file(said, written(tmp_path / "same.json", questions[:2]), rule="exact")
    assert (found.value, found.missing) == (100.0, 0)
    with pytest.raises(UserError, match=r"two.json: \[2\]: the question '7' was there before, with another answer"):
        score_file(said, written(tmp_path / "two.json", questions), rule="exact")


def test_a_file_that_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "test.json"
    path.write_bytes(b"\xff\xfe[\x00")
    with pytest.raises(UserError, match="test.json"):
        score_file(lines(tmp_path / "said.jsonl", ("7", "fox")), path, rule="exact")


def test_answers_that_a_rule_cannot_take_are_refused_and_where_some_are_counted(
    tmp_path: Path, test_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = lines(tmp_path / "said.jsonl", ("7", "[0, 0, 1, 1]"), ("8", "[0, 0, 1, 1]"))
    for rule, first in (("iou", "Fox"), ("iou-coin", "Fox"), ("letter", "Fox")):
        with pytest.raises(UserError, match=f"no prediction could be right by the rule {rule}, .* such as '{first}'"):
            score_file(said, test_file, rule=rule)
    some = written(tmp_path / "some.json", [{"question_id": "7", "answer": "[0, 0, 1, 1]"}, ANSWER_8])
    main([str(said), str(some), "--by", "iou"])
    assert capsys.readouterr().out == "iou: 50.00 of 2 predictions; 1 that could not be right by this rule\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--by", "digits"), "the answers of digits are no texts, so that it has no rule for a file of predictions"),
        (("--by", "exakt"), "unknown rule or task 'exakt'. Did you mean 'exact'?"),
        (("--by", ""), "'' after '--by' is empty"),
        (("--bye", "exact"), "the following arguments are required: --by; see"),
    ],
)
def test_words_that_are_no_rule_end_with_two_and_one_line(
    words: tuple[str, ...], message: str, test_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(test_file), str(test_file), *words])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in said
    assert said.count("\n") == 1
