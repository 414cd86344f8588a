from __future__ import annotations

import errno
from pathlib import Path
from threading import Barrier, Event

import pytest

from atlas.storage.kept_reads import THREADS, KeptReads, read_at_once
from atlas.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


def test_so_many_reads_are_under_way_at_once_and_come_in_order() -> None:
    together = Barrier(THREADS)

    def read(number: int) -> int:
        together.wait(60.0)
        return -number

    assert read_at_once(read, range(THREADS)) == [-number for number in range(THREADS)]


def test_a_step_is_read_once_in_each_scope(store: Store) -> None:
    read: list[tuple[str, str]] = []

    def find(where: Store, key: str) -> str:
        read.append((where.scope, key))
        return f"{where.scope}/{key}"

    reads, own = KeptReads(find), Store.open(str(store.root), scope="own")
    reads.read_ahead([(store, "k1"), (store, "k2"), (own, "k1"), (store, "k1")])
    reads.read_ahead([(store, "k1")])
    assert [reads.of(where, key) for where, key in ((store, "k1"), (own, "k1"), (own, "k2"))] == [
        "/k1",
        "own/k1",
        "own/k2",
    ]
    assert sorted(read) == [("", "k1"), ("", "k2"), ("own", "k1"), ("own", "k2")]


def test_the_error_of_a_step_is_raised_where_it_is_asked_for_and_is_kept(store: Store) -> None:
    read: list[str] = []

    def find(where: Store, key: str) -> str:
        read.append(key)
        raise ValueError(f"{key} is damaged")

    reads = KeptReads(find)
    reads.read_ahead([(store, "k1"), (store, "k2")])
    for _ in range(2):
        with pytest.raises(ValueError, match="k2 is damaged"):
            reads.of(store, "k2")
    assert sorted(read) == ["k1", "k2"]


def test_a_store_that_does_not_answer_ends_the_reading_and_is_asked_again(store: Store) -> None:
    away, read = [True], list[str]()

    def find(where: Store, key: str) -> str:
        read.append(key)
        if away[0]:
            Event().wait(0.01)
            raise OSError(errno.ETIMEDOUT, "away")
        return key

    reads = KeptReads(find)
    with pytest.raises(OSError, match="away"):
        reads.read_ahead((store, f"k{number}") for number in range(100 * THREADS))
    assert len(read) < 100 * THREADS
    away[0] = False
    assert reads.of(store, "k0") == "k0"
