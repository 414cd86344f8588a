from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas.data.record_stream import MOST_FAILURES, read_records
from atlas.runtime.errors import AtlasError, StorageUnavailable
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.sample import Broken, Record
from tests.backbones.toys import SHADES, picture_of

GOOD = Record(id="a", pictures=(picture_of("train", 0),), texts=("word1",), label=1)


def task(read: Any) -> Any:
    return replace(SHADES, read=read)


def test_an_iterator_that_raises_for_an_item_goes_on_with_the_next() -> None:
    def one(number: int) -> Record:
        return {0: GOOD, 2: GOOD, 4: GOOD}[number]

    found = list(read_records(task(lambda split, source: map(one, range(5))), "train", None))
    assert [isinstance(item, Broken) for item in found] == [False, True, False, True, False]
    assert isinstance(found[1], Broken)
    assert found[1].where == "train: record 2"
    assert found[1].reason.startswith("its reader raises KeyError: 1 (test_record_stream.py:")


@pytest.mark.parametrize("error", [KeyError("label"), ZeroDivisionError(), Unreadable("half"), FileNotFoundError("x")])
def test_a_generator_that_raises_is_refused_since_its_rest_is_missing(error: Exception) -> None:
    def read(split: str, source: Path | None) -> Iterator[Record]:
        yield GOOD
        raise error

    named = "half" if isinstance(error, Unreadable) else rf"{type(error).__name__}: .*stream\.py:\d+"
    message = rf"shades: its reader stops at record 2 of 'train' with {named}.*yield Broken"
    with pytest.raises(AtlasError, match=message):
        list(read_records(task(read), "train", None))


@pytest.mark.parametrize("found", [None, 3, GOOD])
def test_a_reader_that_gives_nothing_is_refused(found: Any) -> None:
    with pytest.raises(AtlasError, match=rf"gives .*, a {type(found).__name__}, for the split 'val'. Let it yield"):
        list(read_records(task(lambda split, source: found), "val", None))


def test_a_reader_that_cannot_start_is_told_with_its_line() -> None:
    def read(split: str, source: Path | None) -> Iterator[Record]:
        raise KeyError("train")

    with pytest.raises(AtlasError, match=r"its reader fails for the split 'train' with KeyError: 'train' \(test_rec"):
        list(read_records(task(read), "train", None))


def test_a_reader_that_ends_the_process_is_told() -> None:
    def read(split: str, source: Path | None) -> Iterator[Record]:
        yield GOOD
        sys.exit(0)

    with pytest.raises(AtlasError, match="its reader stops at record 2 of 'train' with SystemExit: 0"):
        list(read_records(task(read), "train", None))
    with pytest.raises(AtlasError, match="its reader fails for the split 'train' with SystemExit"):
        list(read_records(task(lambda split, source: sys.exit(3)), "train", None))


def test_an_error_for_people_stays_as_it_is() -> None:
    def read(split: str, source: Path | None) -> Iterator[Record]:
        yield GOOD
        raise StorageUnavailable("away")

    with pytest.raises(StorageUnavailable, match=r"^away$"):
        list(read_records(task(read), "train", None))


def test_an_iterator_that_raises_for_ever_ends() -> None:
    class Endless:
        def __iter__(self) -> Endless:
            return self

        def __next__(self) -> Record:
            raise OSError("gone")

    found = []
    with pytest.raises(AtlasError, match="stops at record 1,000 of 'train' with OSError: gone"):
        found.extend(read_records(task(lambda split, source: Endless()), "train", None))
    assert MOST_FAILURES == 1000
