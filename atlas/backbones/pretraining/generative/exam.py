"""Held-out questions by kind, and the share of them that a model answers right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.pool import Pool
from random import Random

import torch

from atlas.backbones.pretraining.generative.model import GenerativeModel, ImageBank
from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.rows import ROWS, TurnBatch, TurnRow, drawn_row, packed
from atlas.backbones.pretraining.generative.supply import build_bank, mapped

KINDS = ("ask", "judge", "describe", "name", "compare", "digit", "text", "say")
OTHER = 10_000  # is added to the seed: no image and no draw is one of training
SIZE = 64  # turns a batch


@dataclass(frozen=True, kw_only=True)
class Exam:
    """Images of another seed than training's, and batches of one turn a row, by kind."""

    bank: ImageBank
    batches: Mapping[str, tuple[TurnBatch, ...]]

    def figures(self, model: GenerativeModel, *, most: int | None = None) -> dict[str, float]:
        """Percent of answers that greedy decoding writes exactly, by kind; of the first `most` batches."""
        return {kind: self._percent(model, batches[:most]) for kind, batches in self.batches.items()}

    def _percent(self, model: GenerativeModel, batches: tuple[TurnBatch, ...]) -> float:
        count = wrong = 0
        for batch in batches:
            hits = model.hits(self.bank.tensors(batch)).cpu().numpy()
            count += len(batch.tokens)
            wrong += len(set(batch.turn[~hits].tolist()))
        return round(100 * (count - wrong) / count, 1)


def build_exam(plan: GenerativePlan, pool: Pool | None, device: torch.device) -> Exam:
    """The exam of a plan: `plan.tests` turns a kind."""
    held = replace(plan, seed=plan.seed + OTHER, scenes=2 * plan.tests, digits=plan.tests)
    pixels, patches = build_bank(held, pool)
    bank = ImageBank(pixels=torch.from_numpy(pixels).to(device), patches=torch.from_numpy(patches).to(device))
    return Exam(bank=bank, batches=dict(zip(KINDS, mapped(pool, partial(_batches, held), KINDS), strict=True)))


def _batches(held: GenerativePlan, kind: str) -> tuple[TurnBatch, ...]:
    rng, rows = Random(f"exam {held.seed} {kind}"), list[TurnRow]()
    source = {"compare": "pair", "digit": "digit", "text": "text", "say": "text"}.get(kind, "scene")
    assert source in ROWS
    while len(rows) < held.tests:
        drawn = drawn_row(rng, source, held)
        rows += [TurnRow(images=drawn.images, turns=(turn,)) for turn in drawn.turns if turn.kind == kind]
    rows = rows[: held.tests]
    return tuple(packed(rows[start : start + SIZE]) for start in range(0, len(rows), SIZE))
