"""Recall at k: of ranked answers, whether a right one is among the first k."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.tasks.scoring.text_score import References


def recall_at(k: int, ranked: Sequence[Sequence[str]], references: Sequence[References]) -> float:
    """The share of records of whose ranked texts, the best first, one of the first k is a reference, in percent."""
    found = [any(one in right for one in texts[:k]) for texts, right in zip(ranked, references, strict=True)]
    return 100 * sum(found) / len(found) if found else 0.0
