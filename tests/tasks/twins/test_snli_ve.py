from __future__ import annotations

import re
from collections import Counter, defaultdict

from atlas.tasks import SPLITS, TASKS, Record
from tests.tasks.twins.probes import exact, picture_score, scene, text_score

TASK = TASKS["snli-ve-twin"]


def verdict(record: Record) -> str:
    """The sentence's label, derived from the scene."""
    shapes, (text,) = scene(record.pictures[0]).shapes, record.texts
    if found := re.fullmatch(r"the (\w+) shape is a (\w+) \.", text):
        about, said = [s.shape for s in shapes if s.color == found[1]], found[2]
    elif found := re.fullmatch(r"the (\w+) is in the (\w+ \w+) \.", text):
        about, said = [f"{s.row} {s.column}" for s in shapes if s.shape == found[1]], found[2]
    else:
        found = re.fullmatch(r"the (\w+) is (\w+) \.", text)
        assert found, text
        about, said = [s.color for s in shapes if s.shape == found[1]], found[2]
    return "neutral" if not about else "entailment" if about == [said] else "contradiction"


def test_every_sentence_is_what_its_label_says() -> None:
    for split in SPLITS:
        for record in TASK.read(split, None):
            assert isinstance(record, Record)
            assert TASK.answers[record.label] == verdict(record)  # type: ignore[index]


def test_every_scene_has_one_sentence_of_each_class() -> None:
    labels = defaultdict(list)
    for record in TASK.read("train", None):
        assert isinstance(record, Record)
        labels[record.pictures[0].name].append(record.label)
    assert Counter(tuple(sorted(found)) for found in labels.values()).most_common(1)[0][0] == (0, 1, 2)


def test_a_probe_of_the_sentence_alone_stays_near_chance() -> None:
    assert text_score(TASK, exact) < 0.4


def test_a_probe_of_the_scene_alone_stays_near_chance() -> None:
    assert picture_score(TASK, exact) < 0.4
