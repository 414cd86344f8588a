"""Scores over all records together, on cases worked out by hand."""

from __future__ import annotations

import math
from random import Random

import pytest

from atlas.tasks.scoring import TEXT_SCORES
from atlas.tasks.scoring.bleu import Bleu
from atlas.tasks.scoring.words import words_of

BLEU, CIDER = TEXT_SCORES["bleu"], TEXT_SCORES["cider"]


def test_words_are_in_lower_case_without_punctuation() -> None:
    assert words_of("A dog, 1.5 m tall (black) -- runs!") == ["a", "dog", "1.5", "m", "tall", "black", "runs"]


def test_words_are_split_as_in_the_penn_treebank() -> None:
    assert words_of("The man’s T-shirt can't be 'red'.") == ["the", "man", "'s", "t-shirt", "ca", "n't", "be", "red"]
    assert words_of("they're 1,000 km") == ["they", "'re", "1,000", "km"]


def test_bleu_is_the_geometric_mean_of_precisions_with_a_penalty_for_short_texts() -> None:
    # of `a b c d e`: 4 of 5 words, 3 of 4 pairs, 2 of 3 triples, 1 of 2 fours; 5 words predicted of 6
    value = math.exp(1 - 6 / 5) * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    assert BLEU.score(["a b c d e"], [["a b c d f g"]]) == pytest.approx(100 * value)
    assert Bleu(longest=1).score(["a b c d e"], [["a b c d f g"]]) == pytest.approx(100 * math.exp(-1 / 5) * 4 / 5)


def test_bleu_counts_a_run_as_often_as_a_reference_has_it_at_most() -> None:
    """`the` seven times against two in one reference (Papineni et al.): 2 of 7; the reference nearest has 7 words."""
    references = [["the cat is on the mat now", "there is a cat"]]
    assert Bleu(longest=1).score(["the the the the the the the"], references) == pytest.approx(100 * 2 / 7)


def test_bleu_adds_counts_up_over_records_and_is_no_mean() -> None:
    whole = Bleu(longest=1).score(["a", "x x x"], [["a"], ["x y z"]])
    assert whole == pytest.approx(100 * (1 + 1) / (1 + 3))
    apart = [Bleu(longest=1).score(["a"], [["a"]]), Bleu(longest=1).score(["x x x"], [["x y z"]])]
    assert whole != pytest.approx(sum(apart) / 2)


def test_bleu_of_a_length_between_two_references_takes_the_shorter() -> None:
    assert Bleu(longest=1).score(["a b"], [["a", "a b c"]]) == pytest.approx(100.0)


def test_cider_weighs_runs_by_how_rare_they_are() -> None:
    """Two records, `a b` and `a c`: `a` is in both and weighs log 2/2 = 0, every other run log 2.

    `a b` for the first: of the four sizes of runs, words and pairs are alike (1, 1), triples and fours are none (0, 0):
    2/4. `a b` for the second: nothing in common but `a`.
    """
    assert CIDER.score(["a b", "a b"], [["a b"], ["a c"]]) == pytest.approx(100 * (2 / 4 + 0) / 2)


def test_cider_cuts_repeated_runs_and_takes_off_for_other_lengths() -> None:
    """`a b b` against `a b`, with L = log 2 the weight of all runs but `a`.

    Words: min(2L, L) · L / (2L · L) = 1/2. Pairs: L · L / (√2 L · L) = 1/√2. No triples in the reference. A word more
    takes off by exp(−1 / 72).
    """
    first = math.exp(-1 / 72) * (1 / 2 + 1 / math.sqrt(2)) / 4
    assert CIDER.score(["a b b", "a c"], [["a b"], ["a c"]]) == pytest.approx(100 * (first + 2 / 4) / 2)


def test_cider_is_the_mean_over_references() -> None:
    value = CIDER.score(["a b", "x y"], [["a b", "c d"], ["x y"]])
    assert value == pytest.approx(100 * ((2 / 4 + 0) / 2 + 2 / 4) / 2)


def test_long_captions_that_are_alike_have_all_points() -> None:
    captions = ["a red fox runs in deep snow", "two small birds sit on a wire"]
    assert CIDER.score(captions, [[one] for one in captions]) == pytest.approx(100.0)
    assert BLEU.score(captions, [[one] for one in captions]) == pytest.approx(100.0)


def test_figures_are_those_of_coco_s_evaluation_where_words_are_split_alike() -> None:
    """Computed by pycocoevalcap 1.2 on these captions: BLEU-1 to 4 × 100, ROUGE-L × 100, CIDEr-D × 10."""
    rng, said = Random("coco"), "a the red blue fox dog runs sits on snow grass in and two small big"
    words = said.split()
    references = [[" ".join(rng.choices(words, k=rng.randint(4, 12))) for _ in range(1 + i % 4)] for i in range(40)]
    predictions = [" ".join(word for word in one[0].split() if rng.random() < 0.8) or "a" for one in references]
    bleu = [Bleu(longest=n).score(predictions, references) for n in (1, 2, 3, 4)]
    assert bleu == pytest.approx([94.009339, 88.023687, 82.101671, 76.466585])
    assert TEXT_SCORES["rouge-l"].score(predictions, references) == pytest.approx(88.553547)
    assert CIDER.score(predictions, references) == pytest.approx(39.385326)
