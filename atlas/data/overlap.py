"""What two splits share: ids, pictures, and records of the same texts and pictures, by digests of 64 bits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import combinations

import numpy as np

PRIME = np.uint64(0x9E3779B97F4A7C15)  # odd: multiplying by it loses nothing


def row_digests(rows: np.ndarray) -> np.ndarray:
    """uint64 [N] of the bytes of each row of [N, ...]."""
    content = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
    return np.array([_digest(row.tobytes()) for row in content], dtype=np.uint64)


def text_digests(texts: list[str]) -> np.ndarray:
    """uint64 [N] of texts."""
    return np.array([_digest(text.encode()) for text in texts], dtype=np.uint64)


def sample_digests(texts: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """uint64 [N] of records, from the digests of their texts [N] and of their pictures [N, images], in order."""
    found = texts.copy()
    for column in pictures.T:
        found = (found ^ column) * PRIME
    return found


class SplitDigests:
    """The digests of one split, collected as its shards are joined. blank: whether its one picture means nothing."""

    def __init__(self, *, blank: bool) -> None:
        self.blank = blank
        self.ids: list[np.ndarray] = []
        self.texts: list[np.ndarray] = []
        self.rows: list[np.ndarray] = []
        self.pictures: list[np.ndarray] = []

    def add_records(self, ids: list[str], tokens: np.ndarray, rows: np.ndarray) -> None:
        """Some records. tokens [B, ...]; rows int32 [B, images], the numbers of their pictures in the split."""
        self.ids.append(text_digests(ids))
        self.texts.append(row_digests(tokens))
        self.rows.append(np.array(rows))

    def add_pictures(self, pixels: np.ndarray) -> None:
        """Some pictures, in the order of their numbers: uint8 [B, bytes]."""
        self.pictures.append(row_digests(pixels))

    def kinds(self) -> dict[str, np.ndarray]:
        """Kind -> uint64 [N]."""
        ids, texts, rows, pictures = (np.concatenate(one) for one in (self.ids, self.texts, self.rows, self.pictures))
        samples = {"records": sample_digests(texts, pictures[rows])}
        return {"ids": ids, **samples} if self.blank else {"ids": ids, "pictures": pictures, **samples}


def overlaps(splits: Mapping[str, SplitDigests]) -> dict[str, dict[str, int]]:
    """`train and test` -> kind -> how many of the second split are in the first, too; only what there is."""
    kinds = {split: digests.kinds() for split, digests in splits.items()}
    found: dict[str, dict[str, int]] = {}
    for one, other in combinations(kinds, 2):
        shared = {kind: int(np.isin(kinds[other][kind], kinds[one][kind]).sum()) for kind in kinds[one]}
        if any(shared.values()):
            found[f"{one} and {other}"] = {kind: count for kind, count in shared.items() if count}
    return found


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
