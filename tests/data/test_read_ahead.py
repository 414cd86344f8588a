from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from atlas.backbones.processor import Processor
from atlas.data.loader import Batch, is_shared, open_split, permutation
from atlas.data.prepare import prepare
from atlas.data.read_ahead import AHEAD, read_ahead
from atlas.runtime.errors import UserError
from tests.backbones.toys import PAIRS, SHADES

CPU = torch.device("cpu")


def same(one: Batch, other: Batch) -> bool:
    names = ("pixels", "tokens", "mask", "targets")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_threads_give_the_batches_and_the_order_of_reading_one_after_another(
    tmp_path: Path, processor: Processor
) -> None:
    split = open_split(prepare(PAIRS, processor=processor, root=tmp_path).path, "train")
    requests = permutation(len(split), 3, 0).split(4)
    one_by_one, ahead = (list(read_ahead(requests, split.batch, threads=threads, device=CPU)) for threads in (0, 3))
    assert len(ahead) == len(requests)
    assert all(same(one, other) for one, other in zip(one_by_one, ahead, strict=True))


def test_requests_are_drawn_by_the_thread_that_asks() -> None:
    drawn: list[str] = []

    def requests() -> Iterator[int]:
        for number in range(9):
            drawn.append(threading.current_thread().name)
            yield number

    assert list(read_ahead(requests(), lambda number: -number, threads=2, device=CPU)) == [-n for n in range(9)]
    assert set(drawn) == {threading.current_thread().name}


def test_an_error_is_raised_in_its_turn() -> None:
    def read(number: int) -> int:
        if number == 4:
            raise UserError("the record 4 is broken")
        return number

    answers = read_ahead(range(9), read, threads=2, device=CPU)
    assert [next(answers) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(UserError, match="record 4"):
        next(answers)


def test_closed_early_it_reads_no_more_than_it_is_ahead() -> None:
    started: list[int] = []
    with closing(read_ahead(range(1000), lambda n: started.append(n) or n, threads=2, device=CPU)) as answers:
        assert next(answers) == 0
    assert len(started) <= 2 * AHEAD + 1
    assert not any(one.name.startswith("read-ahead") for one in threading.enumerate())


def test_a_text_that_all_records_share_is_one_row_and_stays_one(tmp_path: Path, processor: Processor) -> None:
    split = open_split(prepare(SHADES, processor=processor, root=tmp_path).path, "train")
    batch = split.batch(torch.tensor([2, 2, 2, 2]))
    assert is_shared(batch.tokens)
    assert is_shared(batch.mask)
    assert all(is_shared(part.tokens) for part in batch.to("cpu").chunk(2))
    assert not is_shared(batch.pixels)


def test_the_parts_of_a_batch_are_the_batches_of_its_parts(tmp_path: Path, processor: Processor) -> None:
    split = open_split(prepare(PAIRS, processor=processor, root=tmp_path).path, "train")
    indices = permutation(len(split), 0, 0)[:6]
    for part, expected in zip(split.batch(indices).chunk(3), indices.chunk(3), strict=True):
        assert same(part, split.batch(expected))
