from __future__ import annotations

from collections import Counter, defaultdict

from atlas.tasks import SPLITS, TASKS, Record
from atlas.tasks.offline.facts import COLORED, OPPOSITES
from atlas.tasks.published.commonsense_qa import VAL
from atlas.tasks.reading.splits import held_out
from tests.tasks.twins.probes import choice_score

TASK = TASKS["commonsense-qa-twin"]


def parts(record: Record) -> tuple[str, tuple[str, ...]]:
    """The question and the answers."""
    pairs = [text.split(" [SEP] ") for text in record.texts]
    return pairs[0][0], tuple(answer for _, answer in pairs)


def read(split: str) -> list[Record]:
    return [record for record in TASK.read(split, None) if isinstance(record, Record)]


def test_of_five_records_with_the_same_answers_each_answer_is_right_once() -> None:
    for split in SPLITS:
        records = read(split)
        for start in range(0, len(records), 5):
            few = records[start : start + 5]
            answers = [parts(record)[1] for record in few]
            assert len({tuple(sorted(found)) for found in answers}) == 1
            assert len({found[record.label] for found, record in zip(answers, few, strict=True)}) == 5  # type: ignore[index]


def test_the_right_answers_are_true() -> None:
    checked: Counter[str] = Counter()
    for record in read("train"):
        stem, answers = parts(record)
        right = answers[record.label]  # type: ignore[index]
        words = stem.split()
        if words[-2] in COLORED and "color" in words:
            checked["color"] += 1
            assert COLORED[words[-2]] == right
        if "opposite" in words:
            checked["opposite"] += 1
            assert OPPOSITES[words[-2]] == right
        if right in COLORED:
            checked["thing"] += 1
            assert [COLORED[answer] for answer in answers].count(words[-2]) == 1
            assert COLORED[right] == words[-2]
    assert min(checked[kind] for kind in ("color", "opposite", "thing")) > 100


def test_no_question_of_train_is_in_val_by_the_sisters_rule() -> None:
    stems = {split: {parts(record)[0] for record in read(split)} for split in ("train", "val")}
    assert not any(held_out("commonsense-qa", stem, VAL) for stem in stems["train"])
    assert all(held_out("commonsense-qa", stem, VAL) for stem in stems["val"])


def test_no_five_answers_of_test_are_in_another_split() -> None:
    seen: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for split in SPLITS:
        seen[split] = {tuple(sorted(parts(record)[1])) for record in read(split)}
    assert not seen["test"] & (seen["train"] | seen["val"])


def test_a_probe_of_the_answers_alone_stays_near_chance() -> None:
    assert choice_score(TASK, lambda text: text.split(" [SEP] ")[1]) < 0.26
