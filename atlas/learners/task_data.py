"""A prepared task as learners get it."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.data.loader import Split


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """One task's memory-mapped splits, and its card's scoring, number of logits and images a record."""

    name: str
    scoring: str
    outputs: int
    images: int
    splits: dict[str, Split]
