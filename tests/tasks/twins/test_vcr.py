from __future__ import annotations

import json
import re
from pathlib import Path

from atlas.tasks import SPLITS, TASKS, Record
from atlas.tasks.offline.scenes import SIDE, SceneShape
from atlas.tasks.twins import Sizes
from atlas.tasks.twins.vcr import TWIN, draw
from tests.tasks.twins.probes import choice_score, scene

TASK = TASKS["vcr-twin"]


def holds(shapes: tuple[SceneShape, ...], text: str) -> bool:
    """Whether a choice is right of the scene."""
    question, answer = text.split(" [SEP] ")
    if found := re.fullmatch(r"what is (\w+) \?", question):
        return any(s.color == found[1] and answer == f"the {s.shape} ." for s in shapes)
    named = [s for s in shapes if s.shape in question.split()]
    words = answer.split()
    if question.startswith("what color"):
        return named[0].color in words
    if question.startswith("where is"):
        return named[0].row in words and named[0].column in words
    return len(named) == 2 and all(words[2] in (s.row, s.column) for s in named)


def test_the_right_answer_is_right_and_the_others_are_wrong() -> None:
    for split in SPLITS:
        for record in TASK.read(split, None):
            assert isinstance(record, Record)
            shapes = scene(record.pictures[0]).shapes
            assert [holds(shapes, text) for text in record.texts] == [i == record.label for i in range(4)]


def test_a_probe_of_the_texts_alone_stays_near_chance() -> None:
    assert choice_score(TASK, str) < 0.31


def test_tokens_name_one_object_or_several() -> None:
    lists = [
        token
        for sample, _ in zip(draw("train", Sizes()), range(200), strict=False)
        for tokens in (sample.question, *sample.choices)
        for token in tokens
        if isinstance(token, list)
    ]
    assert {len(token) for token in lists} == {1, 2}


def test_every_object_has_a_box_within_the_image(tmp_path: Path) -> None:
    TWIN.write_raw(tmp_path, Sizes(train=20, val=2, test=2))
    for line in map(json.loads, (tmp_path / "train.jsonl").read_text().splitlines()):
        regions = json.loads((tmp_path / "vcr1images" / line["metadata_fn"]).read_text())
        assert regions["names"] == line["objects"]
        assert len(regions["boxes"]) == len(regions["segms"]) == len(line["objects"])
        for left, top, right, bottom, score in regions["boxes"]:
            assert 0 <= left < right < SIDE
            assert 0 <= top < bottom < SIDE
            assert score == 1.0


def test_the_marked_variant_of_the_sister_reads_the_boxes(tmp_path: Path) -> None:
    TWIN.write_raw(tmp_path, Sizes(train=20, val=2, test=2))
    found = list(TASKS["vcr-marked"].at(tmp_path).read("train", tmp_path))
    assert len(found) == 20
    assert all(isinstance(one, Record) and one.pictures[0].open().size == (SIDE, SIDE) for one in found)
