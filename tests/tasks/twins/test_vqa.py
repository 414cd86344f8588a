from __future__ import annotations

import re
from collections import Counter

from atlas.tasks import SPLITS, TASKS, Record
from atlas.tasks.twins import Sizes
from atlas.tasks.twins.vqa import ANSWERS, draw
from tests.tasks.twins.probes import picture_score, scene, soft, text_score, top

TASK = TASKS["vqa-twin"]


def answer(record: Record) -> str:
    """The true answer, told from the scene."""
    shapes, (text,) = scene(record.pictures[0]).shapes, record.texts
    words = text.split()
    if text.startswith("how many"):
        return str(len(shapes))
    if found := re.fullmatch(r"is there a (.*) in the image \?", text):
        wanted = set(found[1].split()) - {"shape"}
        return "yes" if any(wanted <= {s.color, s.shape} for s in shapes) else "no"
    one = next(s for s in shapes if {s.color, s.shape} & set(words))
    if text.startswith("what color"):
        return one.color
    if text.startswith("what is"):
        return one.shape
    return one.column if "left" in words else one.row


def test_most_people_tell_the_truth() -> None:
    for split in SPLITS:
        for record in TASK.read(split, None):
            assert isinstance(record, Record)
            assert (ANSWERS.index(answer(record)), 1.0) in record.label  # type: ignore[operator]


def test_the_scores_are_those_of_the_official_rule() -> None:
    """Of ten answers one, two, three or more score 0.3, 0.6, 0.9 or 1."""
    seen = set()
    for sample, _ in zip(draw("train", Sizes()), range(300), strict=False):
        assert len(sample.answers) == 10
        scores = dict(sample.record().label)  # type: ignore[arg-type]
        for said, count in Counter(sample.answers).items():
            seen.add(count)
            assert scores[ANSWERS.index(said)] == min(10, 3 * count) / 10
    assert {1, 2, 3, 7, 10} <= seen


def test_every_answer_is_common_enough_to_be_a_class() -> None:
    counts = Counter(top(record) for record in TASK.read("train", None) if isinstance(record, Record))
    assert min(counts[place] for place in range(len(ANSWERS))) >= 9


def test_a_probe_of_the_question_alone_gets_no_further_than_its_kinds_commonest_answer() -> None:
    """Half of yes and no, an eighth of the colours, and so on; and what the people who are wrong say scores too."""
    assert text_score(TASK, soft) < 0.46


def test_a_probe_of_the_scene_alone_gets_no_further_than_the_commonest_answer() -> None:
    assert picture_score(TASK, soft) < 0.33
