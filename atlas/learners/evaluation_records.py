"""The records that score a split, and their batches as a group of processes reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from torch import Tensor

from atlas.data.loader import Batch, Split, permutation
from atlas.data.read_ahead import read_ahead
from atlas.learners.process_group import ProcessGroup

EVALUATION_BATCH = 256


def records_scored(part: Split, limit: int | None) -> Tensor:
    """The numbers of the records that score a split: a draw that depends on its length alone, sorted; all for None."""
    return permutation(len(part), seed=0, epoch=0)[:limit].sort().values


def read_batches(part: Split, indices: Tensor, group: ProcessGroup) -> Iterator[tuple[Tensor, Batch]]:
    """The records by numbers, in batches on the group's device; none of no records, as a worker may have."""

    def read(numbers: Tensor) -> tuple[Tensor, Batch]:
        return numbers, part.batch(numbers).pinned(group.device)

    requests = indices.split(EVALUATION_BATCH) if len(indices) else ()
    with closing(read_ahead(requests, read, threads=group.compute.loaders, device=group.device)) as found:
        for numbers, batch in found:
            yield numbers, batch.to(group.device)
