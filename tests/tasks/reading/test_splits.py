from __future__ import annotations

import hashlib
import random

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.splits import belongs, deal, held_out, published, rank, split_of
from atlas.tasks.sample import SPLITS, Broken, Record

NAMES = [f"image {i}" for i in range(4000)]


def test_a_rank_is_the_head_of_a_hash_and_never_changes() -> None:
    assert rank("a", "b") == int(hashlib.sha256(b"a b").hexdigest()[:14], 16) / 2**56
    assert rank("digits val", "17") == 0.07846735216762941
    assert all(0 <= rank("x", name) < 1 for name in NAMES)


def test_ranks_for_two_purposes_have_nothing_to_do_with_each_other() -> None:
    high = [name for name in NAMES if rank("one", name) > 0.5]
    both = [name for name in high if rank("two", name) > 0.5]
    assert 0.45 < len(both) / len(high) < 0.55


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_about_the_share_is_held_out(share: float) -> None:
    found = sum(held_out("toy", name, share) for name in NAMES)
    assert abs(found / len(NAMES) - share) < 0.02


def test_a_larger_share_holds_out_the_same_and_more() -> None:
    small = {name for name in NAMES if held_out("toy", name, 0.05)}
    assert small < {name for name in NAMES if held_out("toy", name, 0.1)}
    assert not any(held_out("toy", name, 0.0) for name in NAMES)


def test_a_training_record_is_in_one_of_two_splits_and_a_published_one_in_test() -> None:
    for name in NAMES[:200]:
        assert belongs("train", "toy", name, 0.1) != belongs("val", "toy", name, 0.1)
        assert belongs("test", "toy", name, 0.1)
    assert [published(split, "a", "b") for split in SPLITS] == ["a", "a", "b"]


@pytest.mark.parametrize("ask", [lambda: belongs("dev", "t", "k", 0.1), lambda: published("dev", "a", "b")])
def test_an_unknown_split_is_refused(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AtlasError, match="unknown split 'dev'"):
        ask()


def test_three_splits_are_dealt_by_their_shares() -> None:
    found = [split_of("toy", name, val=0.1, test=0.3) for name in NAMES]
    assert abs(found.count("val") / len(NAMES) - 0.1) < 0.02
    assert abs(found.count("test") / len(NAMES) - 0.3) < 0.03
    assert found != [split_of("other", name, val=0.1, test=0.3) for name in NAMES]


def lines() -> list[tuple[str, str | Broken]]:
    found: list[tuple[str, str | Broken]] = [(f"f:{i}", f"k{i}") for i in range(60)]
    found += [(f"f:{i}", "no key") for i in range(60, 80)]
    found += [(f"f:{i}", "no record") for i in range(80, 81)]
    return found + [(f"f:{i}", Broken(where=f"f:{i}", reason="no JSON")) for i in range(81, 100)]


def key(line: str) -> str:
    if line == "no key":
        raise Unreadable("no key")
    return line


def record(where: str, line: str) -> Record:
    if line == "no record":
        raise Unreadable("no record")
    return Record(id=where, pictures=(), texts=(line,), label=0)


def dealt(split: str, given: list[tuple[str, str | Broken]]) -> list[Record | Broken]:
    return list(deal(given, key=key, record=record, mine=lambda name: split_of("toy", name) == split))


def test_every_line_is_dealt_to_one_split_readable_or_not() -> None:
    places = [found.id if isinstance(found, Record) else found.where for s in SPLITS for found in dealt(s, lines())]
    assert sorted(places) == sorted(where for where, _ in lines())


def test_a_line_that_cannot_be_read_is_told_with_its_place_and_reason() -> None:
    told = {f.where: f.reason for split in SPLITS for f in dealt(split, lines()) if isinstance(f, Broken)}
    assert len(told) == 40
    assert (told["f:60"], told["f:80"], told["f:99"]) == ("no key", "no record", "no JSON")


def test_other_lines_change_nothing_for_a_line() -> None:
    shuffled = random.Random(0).sample(lines(), 50)
    kept = set(map(str, dealt("train", lines())))
    assert set(map(str, dealt("train", shuffled))) <= kept


def test_what_is_no_complaint_about_a_record_is_not_swallowed() -> None:
    def failing(where: str, line: str) -> Record:
        raise AtlasError("the disk is gone")

    with pytest.raises(AtlasError, match="the disk is gone"):
        list(deal([("f:1", "k")], key=key, record=failing, mine=lambda name: True))
