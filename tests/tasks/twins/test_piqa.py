from __future__ import annotations

import hashlib
from collections import Counter, defaultdict

import pytest

from atlas.errors import AtlasError
from atlas.tasks.task import Record
from atlas.tasks.twins import KINDS, OPENINGS, PIQA_TWIN, Sizes, bucket, couples, piqa_twin

GOLDEN = "32fdb04440a8ea8b"


def text_of(records: list[Record]) -> str:
    return "\n".join(f"{record.id} {record.texts} {record.label}" for record in records)


def solutions(record: Record) -> tuple[str, ...]:
    """The texts without their goal: what comes after the goal's last mark."""
    openings = [opening.split("{}")[1].strip() for opening in OPENINGS]
    mark = next(mark for mark in openings if f" {mark} " in record.texts[0])
    return tuple(text.split(f" {mark} ", 1)[1] for text in record.texts)


def test_the_records_are_the_same_on_every_machine() -> None:
    first = text_of(list(PIQA_TWIN.read("train", None))[:200])
    assert hashlib.sha256(first.encode()).hexdigest()[:16] == GOLDEN


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_solution_is_right_as_often_as_wrong(split: str) -> None:
    seen: dict[str, Counter[bool]] = defaultdict(Counter)
    for record in PIQA_TWIN.read(split, None):
        for place, solution in enumerate(solutions(record)):
            seen[solution][place == record.label] += 1
    assert all(counts[True] == counts[False] for counts in seen.values())


def test_each_place_is_right_as_often_as_the_other() -> None:
    labels = Counter(record.label for record in PIQA_TWIN.read("train", None))
    assert labels[0] == labels[1] == 2000


def test_a_probe_without_the_goal_stays_at_chance() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = (list(PIQA_TWIN.read(split, None)) for split in ("train", "test"))
    words = CountVectorizer(ngram_range=(1, 2), binary=True).fit(text for r in train for text in solutions(r))

    def features(records: list[Record]) -> object:
        first, second = (words.transform([solutions(record)[place] for record in records]) for place in (0, 1))
        return first - second

    probe = LogisticRegression(max_iter=300).fit(features(train), [record.label for record in train])
    assert abs(probe.score(features(test), [record.label for record in test]) - 0.5) < 0.05


def test_words_shared_with_the_goal_do_not_solve_it() -> None:
    """Picking the solution that shares more words with the goal solves the easy kinds, and only those."""
    right = 0.0
    records = list(PIQA_TWIN.read("test", None))
    for record in records:
        goal = set(record.texts[0].removesuffix(solutions(record)[0]).split())
        shared = [len(goal & set(solution.split())) for solution in solutions(record)]
        right += 0.5 if shared[0] == shared[1] else float(shared.index(max(shared)) == record.label)
    assert 0.45 < right / len(records) < 0.7


@pytest.mark.parametrize("sizes", [Sizes(train=1, val=3, test=7), Sizes(train=6001, val=1, test=2, seed=5)])
def test_any_size_is_met_exactly(sizes: Sizes) -> None:
    task = piqa_twin(sizes)
    for split in ("train", "val", "test"):
        assert len(list(task.read(split, None))) == getattr(sizes, split)


def test_a_larger_twin_begins_like_the_smaller() -> None:
    small, large = (list(piqa_twin(Sizes(train=n)).read("train", None)) for n in (100, 300))
    assert text_of(large[:100]) == text_of(small)


def test_another_seed_gives_other_records_and_another_source() -> None:
    other = piqa_twin(Sizes(seed=1))
    assert text_of(list(other.read("val", None))) != text_of(list(PIQA_TWIN.read("val", None)))
    assert other.sources(None) != PIQA_TWIN.sources(None)


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(AtlasError, match="val=0"):
        piqa_twin(Sizes(val=0))


def test_every_text_fits_the_shipped_backbone() -> None:
    assert max(len(text.split()) for record in PIQA_TWIN.read("train", None) for text in record.texts) <= 22


def test_every_kind_has_two_goals_and_two_solutions() -> None:
    stream = couples("train", Sizes())
    for _ in range(10 * len(KINDS)):
        couple = next(stream)
        assert len(set(couple.goals)) == len(set(couple.solutions)) == 2


def test_the_bucket_does_not_depend_on_who_comes_first() -> None:
    couple = next(couples("test", Sizes()))
    turned = type(couple)(goals=couple.goals[::-1], solutions=couple.solutions[::-1])
    assert bucket(turned) == bucket(couple)
