from __future__ import annotations

import re
from collections import defaultdict

from atlas.tasks import SPLITS, TASKS, Record
from tests.tasks.twins.probes import exact, picture_score, scene, text_score

TASK = TASKS["nlvr2-twin"]


def holds(record: Record) -> bool:
    """Whether the sentence is true, told from the scenes."""
    left, right = (scene(picture).shapes for picture in record.pictures)
    (text,) = record.texts
    if "color" in text:
        return (left[0].color == right[0].color) == ("same" in text)
    if "more" in text:
        return len(left) > len(right) if "left" in text else len(right) > len(left)
    found = re.search(r"a (\w+)( shape)? \.", text)
    assert found, text
    one, two = (any(found[1] in (s.color, s.shape) for s in shapes) for shapes in (left, right))
    forms = {"the left": one, "the right": two, "both": one and two, "one of": one or two, "no ": not (one or two)}
    return next(truth for start, truth in forms.items() if text.startswith(start))


def test_every_sentence_is_what_its_label_says() -> None:
    for split in SPLITS:
        for record in TASK.read(split, None):
            assert isinstance(record, Record)
            assert (TASK.answers[record.label] == "True") == holds(record)  # type: ignore[index]


def test_each_sentence_of_a_set_and_each_pair_is_right_half_of_the_time() -> None:
    labels: dict[tuple[str, ...], list[object]] = defaultdict(list)
    for record in TASK.read("train", None):
        assert isinstance(record, Record)
        part, number, pair, said = record.id.split("-")
        labels[part, number, "sentence", said].append(record.label)
        labels[part, number, "pair", pair].append(record.label)
    assert all(sorted(found) == [0, 1] for found in labels.values())  # type: ignore[type-var]


def test_a_probe_of_the_sentence_alone_stays_near_chance() -> None:
    assert abs(text_score(TASK, exact) - 0.5) < 0.06


def test_a_probe_of_the_scenes_alone_stays_near_chance() -> None:
    assert abs(picture_score(TASK, exact) - 0.5) < 0.06
