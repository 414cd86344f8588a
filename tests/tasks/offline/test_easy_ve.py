from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.runtime.errors import AtlasError
from atlas.tasks.offline.easy_ve import ANSWERS, EASY_VE, NEGATIVE, OPEN, POSITIVE, derange, hypotheses
from atlas.tasks.offline.easy_vqa import COLOURS, SHAPES, known_facts, mentioned

NEUTRAL = ANSWERS.index("neutral")


def is_of(text: str, forms: tuple[str, ...]) -> bool:
    return any(text.startswith(form.split("{}")[0]) and text.endswith(form.split("{}")[1]) for form in forms)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_sentence_is_true_as_often_as_false(split: str) -> None:
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for one in hypotheses(split):
        seen[one.text][one.label] += 1
    for text, counts in seen.items():
        if is_of(text, OPEN):
            assert set(counts) == {NEUTRAL}
        else:
            assert counts[ANSWERS.index("entailment")] == counts[ANSWERS.index("contradiction")] > 0


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_best_guess_from_the_sentence_alone_gets_two_thirds(split: str) -> None:
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for one in hypotheses(split):
        seen[one.text][one.label] += 1
    best = sum(counts.most_common(1)[0][1] for counts in seen.values())
    assert best / len(hypotheses(split)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_image_has_each_label_equally_often(split: str) -> None:
    seen: dict[int, Counter[int]] = defaultdict(Counter)
    for one in hypotheses(split):
        seen[one.image][one.label] += 1
    assert all(len(set(counts.values())) == 1 and len(counts) == 3 for counts in seen.values())


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_labels_follow_from_what_the_image_shows(split: str) -> None:
    facts = known_facts(split)
    for one in hypotheses(split):
        if one.label == NEUTRAL:
            continue
        colour, shape = mentioned(one.text, COLOURS), mentioned(one.text, SHAPES)
        shown = colour in (None, facts[one.image].colour) and shape in (None, facts[one.image].shape)
        assert is_of(one.text, NEGATIVE) != is_of(one.text, POSITIVE)
        assert (ANSWERS[one.label] == "entailment") == (shown != is_of(one.text, NEGATIVE))


def test_some_false_sentences_are_wrong_in_one_word_only() -> None:
    facts = known_facts("test")
    near = 0
    for one in hypotheses("test"):
        if one.aspect == "both" and is_of(one.text, POSITIVE) and ANSWERS[one.label] == "contradiction":
            known = facts[one.image]
            near += (known.colour == mentioned(one.text, COLOURS)) != (known.shape == mentioned(one.text, SHAPES))
    assert near > 100


def test_a_record_has_its_image_and_a_telling_name() -> None:
    record = next(EASY_VE.read("val", None))
    split, image, _, answer = record.id.split("-")
    assert record.pictures[0].name == f"train/{image}"
    assert (split, ANSWERS.index(answer)) == ("val", record.label)


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers())
def test_derange_moves_every_value_or_refuses(values: list[str], seed: int) -> None:
    most = max(Counter(values).values(), default=0)
    if 2 * most > len(values):
        with pytest.raises(AtlasError, match="more than half"):
            derange(values, random.Random(seed))
        return
    dealt = derange(values, random.Random(seed))
    assert sorted(dealt) == sorted(values)
    assert all(one != other for one, other in zip(dealt, values, strict=True))
