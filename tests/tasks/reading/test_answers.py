from __future__ import annotations

import pytest

from atlas.tasks.reading.answers import CONTRACTIONS, normalise


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("Yes", "yes"),
        ("  The Red  Bus\n", "red bus"),
        ("a", ""),
        ("two dogs", "2 dogs"),
        ("None", "0"),
        ("dont know", "don't know"),
        ("couldn'tve", "couldn't've"),
        ("twas", "'twas"),
        ("black/white", "black white"),
        ("black, white", "black white"),
        ("what?", "what"),
        ("1,000", "1000"),
        ("2.5", "2.5"),
        ("mr. smith.", "mr smith"),
        ("t-shirt", "t shirt"),
        ("(left)", "left"),
        ("5:30", "5:30"),
        ("café", "café"),
    ],
)
def test_answers_are_compared_as_in_the_official_evaluation(given: str, normal: str) -> None:
    assert normalise(given) == normal


def test_a_mark_that_touches_a_blank_is_dropped_wherever_it_stands() -> None:
    assert normalise("rock- paper-scissors") == "rock paperscissors"


def test_words_that_are_words_without_their_apostrophe_are_left_alone() -> None:
    assert not {"its", "well", "were", "wed", "ill", "hell", "shell", "id"} & set(CONTRACTIONS)


def test_normalising_a_normal_answer_changes_nothing() -> None:
    assert all(normalise(word) == word for word in CONTRACTIONS.values())
