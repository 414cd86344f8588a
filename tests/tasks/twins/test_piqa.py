from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from atlas.tasks import TASKS
from atlas.tasks.published.piqa import VAL
from atlas.tasks.reading.splits import held_out
from atlas.tasks.sample import Record
from atlas.tasks.twins.piqa import KINDS, bucket, couples
from atlas.tasks.twins.twin import Sizes

TASK = TASKS["piqa-twin"]


def text_of(records: list[Record]) -> str:
    return "\n".join(f"{record.id} {record.texts} {record.label}" for record in records)


def solutions(record: Record) -> tuple[str, ...]:
    """The texts without their goal."""
    return tuple(text.split(" [SEP] ")[1] for text in record.texts)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_solution_is_right_as_often_as_wrong(split: str) -> None:
    seen: dict[str, Counter[bool]] = defaultdict(Counter)
    for record in TASK.read(split, None):
        for place, solution in enumerate(solutions(record)):
            seen[solution][place == record.label] += 1
    assert all(counts[True] == counts[False] for counts in seen.values())


def test_each_place_is_right_as_often_as_the_other() -> None:
    labels = Counter(record.label for record in TASK.read("train", None))
    assert labels[0] == labels[1] == 2000


def test_a_probe_without_the_goal_stays_at_chance() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = (list(TASK.read(split, None)) for split in ("train", "test"))
    words = CountVectorizer(ngram_range=(1, 2), binary=True).fit(text for r in train for text in solutions(r))

    def features(records: list[Record]) -> object:
        first, second = (words.transform([solutions(record)[place] for record in records]) for place in (0, 1))
        return first - second

    probe = LogisticRegression(max_iter=300).fit(features(train), [record.label for record in train])
    assert abs(probe.score(features(test), [record.label for record in test]) - 0.5) < 0.05


def test_words_shared_with_the_goal_do_not_solve_it() -> None:
    """Picking the solution that shares more words with the goal solves the easy kinds, and only those."""
    right = 0.0
    records = list(TASK.read("test", None))
    for record in records:
        goal = set(record.texts[0].removesuffix(solutions(record)[0]).split())
        shared = [len(goal & set(solution.split())) for solution in solutions(record)]
        right += 0.5 if shared[0] == shared[1] else float(shared.index(max(shared)) == record.label)
    assert 0.45 < right / len(records) < 0.7


def test_the_sisters_rule_tells_val_from_train_by_the_goal() -> None:
    for split in ("train", "val"):
        for record in TASK.read(split, None):
            goal = record.texts[0].split(" [SEP] ")[0]
            assert held_out("piqa", goal, VAL) == (split == "val")


def test_every_text_fits_the_shipped_backbone() -> None:
    assert max(len(text.split()) for record in TASK.read("train", None) for text in record.texts) <= 22


def test_every_kind_has_two_goals_and_two_solutions() -> None:
    stream = couples("train", Sizes())
    for _ in range(10 * len(KINDS)):
        couple = next(stream)
        assert len(set(couple.goals)) == len(set(couple.solutions)) == 2


def test_the_bucket_does_not_depend_on_who_comes_first() -> None:
    couple = next(couples("test", Sizes()))
    turned = type(couple)(goals=couple.goals[::-1], solutions=couple.solutions[::-1])
    assert bucket(turned) == bucket(couple)
