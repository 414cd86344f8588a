from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable

import pytest

from atlas.tasks.offline.easy_pair import EASY_PAIR, FOURS, Judgement, judgements
from atlas.tasks.offline.easy_vqa import COLOURS, SHAPES, Facts, known_facts, mentioned


def tally(found: tuple[Judgement, ...], name: str) -> dict[Hashable, Counter[int]]:
    seen: dict[Hashable, Counter[int]] = defaultdict(Counter)
    for one in found:
        seen[getattr(one, name)][one.label] += 1
    return seen


def truth(text: str, left: Facts, right: Facts) -> bool:
    """A second reading of the sentences, word by word."""
    if "same color" in text or "different colors" in text:
        return (left.colour == right.colour) == ("same" in text)
    if "same shape" in text or "different shapes" in text:
        return (left.shape == right.shape) == ("same" in text)
    colour, shape = mentioned(text.rstrip(" ."), COLOURS), mentioned(text.rstrip(" ."), SHAPES)
    fits = [facts.colour == colour if colour else facts.shape == shape for facts in (left, right)]
    if text.startswith("the "):
        return fits[text.split()[1] == "right"] != ("not" in text)
    if text.startswith("both"):
        return all(fits)
    if text.startswith("no "):
        return not any(fits)
    return not all(fits) if "not" in text else any(fits)


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("part", ["text", "images"])
def test_neither_sentence_nor_pair_betrays_the_answer(split: str, part: str) -> None:
    assert all(counts[0] == counts[1] for counts in tally(judgements(split), part).values())


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_labels_follow_from_what_the_images_show(split: str) -> None:
    facts = known_facts(split)
    for one in judgements(split):
        left, right = (facts[image] for image in one.images)
        assert truth(one.text, left, right) == bool(one.label), one


def test_the_sizes_are_as_declared() -> None:
    assert all(len(judgements(split)) == 4 * fours for split, fours in FOURS.items())


def test_a_record_has_two_different_pictures() -> None:
    for record in EASY_PAIR.read("val", None):
        first, second = record.pictures
        assert first.name != second.name
