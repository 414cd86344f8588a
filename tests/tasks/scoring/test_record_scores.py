"""Scores that are a mean of records' values, on cases worked out by hand."""

from __future__ import annotations

import pytest

from atlas.tasks.scoring import TEXT_SCORES
from atlas.tasks.scoring.anls import distance
from atlas.tasks.scoring.boxes import box_of, overlap, padded, text_of_box
from atlas.tasks.scoring.exact import option_of
from atlas.tasks.scoring.rouge import common


def scored(rule: str, prediction: str, *references: str) -> float:
    return TEXT_SCORES[rule].score([prediction], [references])


@pytest.mark.parametrize(
    ("rule", "prediction", "references", "value"),
    [
        ("exact", "Fox", ["fox"], 0),
        ("exact", "fox", ["dog", "fox"], 100),
        ("exact-upper", "Fox", ["fOX"], 100),
        ("exact-upper", "fox.", ["fox"], 0),
        ("exact-lower", "A Fox", ["a fox"], 100),
        ("exact-gqa", "Yes.", ["yes"], 100),
        ("exact-answerable", "Yes", ["yes"], 100),
        ("exact-answerable", "Unanswerable", ["unanswerable"], 0),
        ("contains", "it is a fox", ["fox"], 100),
        ("contains", "it is a Fox", ["fox"], 0),
        ("contains-lower", "it is a Fox", ["fOx"], 100),
        ("contains-answerable", "a fox, or Unanswerable", ["fox"], 0),
        ("contains-line", "The red\nfox ", [" redfox"], 100),
        ("contains-letters", "The red. Fox", ["red fox."], 100),
        ("contains-either", "fox", ["arctic fox"], 100),
        ("contains-either", "dog", ["arctic fox"], 0),
        ("letter", "The answer is B, a fox", ["B"], 100),
        ("letter", "no letters", ["B"], 0),
    ],
)
def test_letters_decide(rule: str, prediction: str, references: list[str], value: float) -> None:
    assert scored(rule, prediction, *references) == value


@pytest.mark.parametrize(
    ("prediction", "option"),
    [("B", "B"), ("B. a fox", "B"), ("b", "B"), ("(C) a fox", "C"), ("Because", ""), ("", ""), ("AB", ""), ("F", "F")],
)
def test_the_option_is_the_letter_that_stands_alone(prediction: str, option: str) -> None:
    assert option_of(prediction) == option


def test_a_score_is_the_mean_over_records() -> None:
    assert TEXT_SCORES["exact"].score(["a", "b", "c"], [["a"], ["x"], ["c"]]) == pytest.approx(100 * 2 / 3)


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("hello", "hallo", 1), ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("ab", "ba", 2)],
)
def test_edits_are_counted(one: str, other: str, edits: int) -> None:
    assert distance(one, other) == distance(other, one) == edits


def test_anls_is_the_best_similarity_and_nothing_below_a_half() -> None:
    assert scored("anls", "Hallo", "hello", "world") == pytest.approx(100 * (1 - 1 / 5))
    assert scored("anls", "kitten", "sitting") == pytest.approx(100 * (1 - 3 / 7))
    assert scored("anls", "abxx", "abcd") == 50.0  # two of four letters: just enough
    assert scored("anls", "axxx", "abcd") == 0.0  # 1 − 3/4
    assert scored("anls", " two   words", "Two words") == 100.0


@pytest.mark.parametrize(
    ("agreeing", "value"),
    # Of the ten sets of nine people, a person who agrees is left out of as many as agree: their set has one fewer.
    [
        (0, 0.0),
        (1, (1 * 0 + 9 * 1 / 3) / 10),  # .3
        (2, (2 * 1 / 3 + 8 * 2 / 3) / 10),  # .6
        (3, (3 * 2 / 3 + 7 * 1) / 10),  # .9
        (4, 1.0),
        (10, 1.0),
    ],
)
def test_soft_vqa_counts_people_who_agree(agreeing: int, value: float) -> None:
    people = ["the two."] * agreeing + ["blue"] * (10 - agreeing)
    assert scored("vqa", "2", *people) == pytest.approx(100 * value)


def test_of_one_person_soft_vqa_is_agreement() -> None:
    assert scored("vqa", "A dog.", "dog") == 100.0
    assert scored("vqa", "a cat", "dog") == 0.0


def test_boxes_are_one_where_they_overlap_by_more_than_half() -> None:
    assert overlap((0, 0, 0.5, 0.5), (0, 0, 0.5, 0.4)) == pytest.approx(0.20 / 0.25)
    assert overlap((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / (4 + 4 - 1))
    assert overlap((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0
    assert scored("iou", "[0, 0, 1, 0.51]", "[0, 0, 1, 1]") == 100.0
    assert scored("iou", "[0, 0, 1, 0.5]", "[0, 0, 1, 1]") == 0.0  # a half is not more
    assert scored("iou", "0, 0, 1, 0.9", "[0, 0, 1, 1]", "[5, 5, 6, 6]") == 100.0


@pytest.mark.parametrize("text", ["", "a fox", "[1, 2, 3]", "[1, 2, 3, 4, 5]", "[1, 2, 3, nan]", "[1 2 3 4]"])
def test_what_is_no_box_is_wrong(text: str) -> None:
    assert box_of(text) is None
    assert scored("iou", text, "[0, 0, 1, 1]") == scored("iou-coin", text, "[0, 0, 1, 1]") == 0.0


def test_coin_s_evaluation_of_boxes_leaves_out_the_outer_characters() -> None:
    """`0.10, 0.10, 0.30, 0.29` loses its first 0 and its last 9: a box of height .10, not .19, against one of .21."""
    assert scored("iou", "[0.10, 0.10, 0.30, 0.29]", "[0.10, 0.10, 0.30, 0.31]") == 100.0
    assert scored("iou-coin", "[0.10, 0.10, 0.30, 0.29]", "[0.10, 0.10, 0.30, 0.31]") == 0.0
    assert scored("iou-coin", " [0.10, 0.10, 0.30, 0.30]", "[0.10, 0.10, 0.30, 0.35]") == 100.0  # …, 0.3 of 0.35


def test_a_box_in_pixels_is_in_shares_of_the_padded_square() -> None:
    """200 × 100 pixels stand in the middle of 200 × 200, 50 below its top; 100 × 200 are 50 from its left."""
    assert padded((0, 0, 100, 50), width=200, height=100) == (0.0, 0.25, 0.5, 0.5)
    assert padded((0, 0, 100, 50), width=100, height=200) == (0.25, 0.0, 0.75, 0.25)
    assert padded((10, 20, 30, 40), width=100, height=100) == (0.1, 0.2, 0.3, 0.4)
    assert text_of_box((0.0, 0.25, 0.5, 1.0)) == "[0.00, 0.25, 0.50, 1.00]"
    assert box_of(text_of_box((0.0, 0.25, 0.5, 1.0))) == (0.0, 0.25, 0.5, 1.0)


def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence() -> None:
    assert common(["police", "killed", "the", "gunman"], ["police", "kill", "the", "gunman"]) == 3
    assert common(["a", "b", "c", "d"], ["d", "c", "b", "a"]) == 1
    assert scored("rouge-l", "police killed the gunman", "police kill the gunman") == pytest.approx(75.0)
    # 3 of 4 words predicted, 3 of 6 of the reference: (1 + 1.44) · .75 · .5 / (.5 + 1.44 · .75)
    value = 2.44 * 0.75 * 0.5 / (0.5 + 1.44 * 0.75)
    assert scored("rouge-l", "a b x c", "a y b z c w") == pytest.approx(100 * value)
    # of several references the best precision and the best recall: 2/2 and 2/2
    assert scored("rouge-l", "a b", "a b c d", "a b") == pytest.approx(100.0)
    assert scored("rouge-l", "The Fox.", "the fox") == pytest.approx(100.0)
