"""Batches from prepared data: memory-mapped Arrow files, from which a batch is gathered by array indexing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from atlas.data.columns import REFERENCES, array, label_column
from atlas.data.prepared import Prepared
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.os_errors import error_from
from atlas.tasks.task import REFERENCED

NO_CLASS = -1  # the target of a record whose answer is a free text: no loss of classes takes it


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B records. pixels: uint8 [B, images, 3, S, S]; tokens: long [B, choices, L]; mask: bool [B, choices, L], true
    where there is a token, L the tokens of the task's longest text; targets: long [B], or float [B, classes] where the
    score is soft; of a task of free texts NO_CLASS [B]. references: a task's of free texts, of each record at least
    one; None of any other. Texts that all records share are one row, expanded (`is_shared`).
    """

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    targets: Tensor
    references: tuple[tuple[str, ...], ...] | None = None

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on a device; copies do not wait where the memory is pinned."""
        return self._each(lambda value: value.to(device, non_blocking=True))

    def pinned(self, device: torch.device) -> Batch:
        """The same batch in pinned memory where `device` is a GPU, so that copies to it do not wait; else itself."""
        return self._each(lambda value: value.pin_memory()) if device.type == "cuda" else self

    def copied(self) -> Batch:
        """The same batch in memory of its own."""
        return self._each(torch.clone)

    def chunk(self, count: int) -> list[Batch]:
        """The batch in `count` parts, views of it; the same as the parts of its indices."""
        size = -(-len(self) // count)
        return [self._part(slice(start, start + size)) for start in range(0, len(self), size)]

    def at(self, rows: Tensor) -> Batch:
        """The records at these places, long [n], in that order."""
        return Batch(
            pixels=self.pixels[rows],
            tokens=self.tokens[rows],
            mask=self.mask[rows],
            targets=self.targets[rows],
            references=None if self.references is None else tuple(self.references[row] for row in rows.tolist()),
        )

    def _part(self, rows: slice) -> Batch:
        return Batch(
            pixels=self.pixels[rows],
            tokens=self.tokens[rows],
            mask=self.mask[rows],
            targets=self.targets[rows],
            references=None if self.references is None else self.references[rows],
        )

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with all tensors changed; a row that all records share is changed once, and shared again."""

        def changed(value: Tensor) -> Tensor:
            return change(value[:1]).expand_as(value) if is_shared(value) else change(value)

        return replace(
            self,
            pixels=changed(self.pixels),
            tokens=changed(self.tokens),
            mask=changed(self.mask),
            targets=changed(self.targets),
        )

    def __len__(self) -> int:
        return len(self.targets)


class ColumnRows:
    """A column of fixed width over the record batches of a mapped Arrow file, as arrays that copy nothing."""

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self.parts = parts
        self.ends = np.cumsum([len(part) for part in parts])

    def gather(self, indices: np.ndarray) -> np.ndarray:
        """[B, width]: the rows with these numbers, one indexing a record batch that is touched."""
        part = np.searchsorted(self.ends, indices, side="right")
        touched = np.unique(part)
        if len(touched) == 1:
            return self.parts[touched[0]][indices - self.start(touched[0])]
        found = np.empty((len(indices), *self.parts[0].shape[1:]), dtype=self.parts[0].dtype)
        for number in touched:
            here = part == number
            found[here] = self.parts[number][indices[here] - self.start(number)]
        return found

    def start(self, part: int) -> int:
        """The number of a part's first row."""
        return int(self.ends[part]) - len(self.parts[part])


def rows(batches: Sequence[pa.RecordBatch], name: str) -> ColumnRows:
    """The column of that name, [N, width] (or [N] where it holds single numbers)."""
    return ColumnRows([array(batch.column(name)) for batch in batches])


def map_file(path: Path) -> list[pa.RecordBatch]:
    """The record batches of an Arrow file, mapped. Raises AtlasError where it cannot be read."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        return [reader.get_batch(i) for i in range(reader.num_record_batches)]
    except (OSError, pa.ArrowInvalid) as error:
        raise error_from(error, f"cannot map {path}: {error}. Remove its folder and prepare again") from error


class Split:
    """One split of prepared data: `len(split)` records, `split.batch(indices)`. Pickles as its path."""

    def __init__(self, prepared: Prepared, name: str, limit: int | None) -> None:
        card = prepared.card
        self.path, self.name, self.limit = prepared.path, name, limit
        self.images, self.choices, self.size = card.images, card.choices, card.image_size
        self.width, self.pad_id, self.soft = card.max_tokens, card.pad_id, card.score == "soft"
        self.text_tokens = card.text_tokens
        self.records = map_file(prepared.path / f"{name}.arrow")
        self.pixels = rows(map_file(prepared.path / f"{name}-pictures.arrow"), "pixels")
        self.pictures, self.tokens = rows(self.records, "pictures"), rows(self.records, "tokens")
        self.has_references = card.answer_kind in REFERENCED
        self.labels = None if self.has_references else rows(self.records, label_column(card.score))
        self.length = min(prepared.counts[name], limit or prepared.counts[name])

    def __len__(self) -> int:
        return self.length

    def __reduce__(self) -> tuple[object, ...]:
        return open_split, (self.path, self.name, self.limit)

    def batch(self, indices: Tensor) -> Batch:
        """The records with these numbers ([B], long), in that order. Raises UserError on one out of range."""
        wanted = self.checked(indices)
        pictures = self._checked_pictures(wanted)
        pixels = torch.from_numpy(self.pixels.gather(pictures))
        tokens = torch.from_numpy(self.tokens.gather(wanted)).view(len(wanted), self.choices, self.width)
        tokens = tokens[..., : self.text_tokens].long()
        mask = tokens != self.pad_id
        if len(wanted) and bool((tokens == tokens[:1]).all()):  # as where the task is about images alone
            tokens, mask = (value[:1].expand_as(value) for value in (tokens, mask))
        return Batch(
            pixels=pixels.view(len(wanted), self.images, 3, self.size, self.size),
            tokens=tokens,
            mask=mask,
            targets=self._targets(wanted),
            references=self._references(wanted),
        )

    @cached_property
    def targets(self) -> Tensor:
        """The targets of all records: long [N], or float [N, classes]."""
        return self._targets(np.arange(len(self)))

    def ids(self, indices: Tensor) -> list[str]:
        """The records' own names."""
        return self._taken("id", self.checked(indices))

    def _targets(self, wanted: np.ndarray) -> Tensor:
        """Classes as long, soft scores as float."""
        if self.labels is None:
            return torch.full((len(wanted),), NO_CLASS)
        found = torch.from_numpy(self.labels.gather(wanted))
        return found if self.soft else found.long()

    def _references(self, wanted: np.ndarray) -> tuple[tuple[str, ...], ...] | None:
        return tuple(map(tuple, self._taken(REFERENCES, wanted))) if self.has_references else None

    def _taken(self, name: str, wanted: np.ndarray) -> list[Any]:
        """The values of these records in a column that is not of fixed width."""
        column = pa.chunked_array([batch.column(name) for batch in self.records])
        found: list[Any] = column.take(pa.array(wanted)).to_pylist()
        return found

    def checked(self, indices: Tensor) -> np.ndarray:
        """The indices as int64 [B]."""
        wanted = indices.cpu().numpy().astype(np.int64, copy=False)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise UserError(f"{self.path} {self.name}: records {wanted.min()} to {wanted.max()} asked of {len(self)}")
        return wanted

    def _checked_pictures(self, wanted: np.ndarray) -> np.ndarray:
        """The pictures of these records, [B · images]. Raises UserError for one that is not there."""
        pictures, count = self.pictures.gather(wanted), int(self.pixels.ends[-1])
        wrong = (pictures < 0) | (pictures >= count)
        if wrong.any():
            broken = wrong.reshape(len(wanted), -1).any(axis=1)
            (record,) = self.ids(torch.from_numpy(wanted[broken][:1]))
            raise UserError(
                f"{self.path} {self.name}: the record {record!r} names a picture that is not among the {count} there: "
                f"the prepared data is damaged. Remove the folder and prepare again."
            )
        return pictures.ravel()


def is_shared(values: Tensor) -> bool:
    """Whether all rows of [B, …] are one and the same memory."""
    return len(values) > 1 and values.stride(0) == 0


def open_split(prepared_path: Path, split: str, limit: int | None = None) -> Split:
    """A split of prepared data, or its first `limit` records. Nothing is read yet, and nothing is ever written.

    Raises UserError on an unknown split, a limit below 1 or a folder that is not whole.
    """
    prepared = Prepared.load(prepared_path)
    if split not in prepared.counts:
        raise unknown("split", split, prepared.counts)
    if limit is not None and limit < 1:
        raise UserError(f"the limit of {split!r} is {limit}, should be at least 1")
    return Split(prepared, split, limit)


def permutation(n: int, seed: int, epoch: int) -> Tensor:
    """The order of n records in an epoch, long [n]: a function of (n, seed, epoch) alone."""
    digest = hashlib.sha256(f"permutation {seed} {epoch}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
    return torch.randperm(n, generator=generator)
