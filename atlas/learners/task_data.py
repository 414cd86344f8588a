"""A prepared task as a learner sees it."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.data.loader import Split


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """One task's memory-mapped splits and what its card says of score, logits and pictures."""

    name: str
    score: str
    outputs: int
    images: int
    splits: dict[str, Split]
