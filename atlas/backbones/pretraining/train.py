"""Pre-trains `vilt-tiny` on generated scenes and sentences, and writes it as a Hugging Face checkpoint with its card.

    python -m atlas.backbones.pretraining --out FOLDER [--updates 11000] [--seed 1] [--start FOLDER] [--quick]

First it learns to see: from pictures alone, every patch tells, after half of the layers, what shape it shows. Then it
learns to answer from the pooled output (questions, statements, choices, riddles, digits) and to guess hidden words,
while the patches go on telling. The last phase has more of what takes longest: does the sentence fit the picture?
With --start, the last phase alone runs, from the weights in that folder. Takes about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from atlas.backbones.base import digest
from atlas.backbones.pretraining.card import write_folder
from atlas.backbones.pretraining.curriculum import NONE, SHARES, Curriculum
from atlas.backbones.pretraining.images import build_gallery
from atlas.backbones.pretraining.model import PretrainingModel, Told, tiny_config
from atlas.backbones.pretraining.plan import PretrainingPlan
from atlas.backbones.vilt.model import FastVilt, load_model


def losses(told: Told) -> dict[str, Tensor]:
    """The cross-entropy of everything that is asked, a mean over its targets."""
    asked = {what: pair for what, pair in told.items() if (pair[1] != NONE).any()}
    return {what: nn.functional.cross_entropy(*pair, ignore_index=NONE) for what, pair in asked.items()}


def descend(pupil: PretrainingModel, told: Callable[[], Told], *, updates: int, rate: float) -> None:
    """AdamW on the sum of the losses; the rate warms up over a twentieth of the updates and falls linearly to 0."""
    optimiser = torch.optim.AdamW(pupil.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    warm = max(1, updates // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (updates - step) / max(1, updates - warm))
    )
    start, shown = time.monotonic(), 0.0
    for step in range(updates):
        parts = losses(told())
        optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if time.monotonic() - shown > 30 or step + 1 == updates:
            shown = time.monotonic()
            minutes = (shown - start) / (step + 1) * (updates - step - 1) / 60
            values = ", ".join(f"{what} {value.item():.2f}" for what, value in parts.items())
            print(f"update {step + 1}/{updates}, {minutes:.1f} min left; losses: {values}", flush=True)


def train(plan: PretrainingPlan, *, start: FastVilt | None = None) -> tuple[FastVilt, dict[str, float]]:
    """The model, and the share of right answers in percent for each kind of lesson on new pictures."""
    torch.manual_seed(plan.seed)
    pupil = PretrainingModel(tiny_config())
    gallery = build_gallery(plan.seed, scenes=plan.scenes, digits=plan.digits)
    course = Curriculum(gallery, seed=plan.seed, size=plan.size)
    looks, lessons, last = (round(share * plan.updates) for share in plan.shares)
    if start is None:
        descend(pupil, lambda: pupil.look(*course.look()), updates=looks, rate=plan.looking_rate)
        descend(pupil, lambda: pupil(course.batch()), updates=lessons, rate=plan.rate)
    else:
        pupil.continue_from(start)
    descend(pupil, lambda: pupil(course.batch(last=True)), updates=last, rate=plan.rate)
    return pupil.model, examine(pupil.eval(), plan)


@torch.no_grad()
def examine(pupil: PretrainingModel, plan: PretrainingPlan) -> dict[str, float]:
    """Percent right for each kind of lesson, on pictures of another seed."""
    count = plan.tests * plan.size
    course = Curriculum(
        build_gallery(plan.seed + 10_000, scenes=count, digits=count), seed=plan.seed + 1, size=plan.size
    )
    figures = {}
    for kind in SHARES:
        right = torch.cat([_right(pupil(course.of([kind] * plan.size))) for _ in range(plan.tests)])
        figures[kind] = round(100 * right.float().mean().item(), 1)
    return figures


def _right(told: Told) -> Tensor:
    """Whether each target was hit; patches, which every scene has, are left out."""
    pairs = [pair for what, pair in told.items() if not what.startswith("patch")]
    return torch.cat([(logits.argmax(-1) == targets)[targets != NONE] for logits, targets in pairs])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Pre-train vilt-tiny on generated scenes and sentences.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--updates", type=int, default=PretrainingPlan.updates)
    parser.add_argument("--seed", type=int, default=PretrainingPlan.seed)
    parser.add_argument("--quick", action="store_true", help="a few updates on few pictures, to try the command")
    parser.add_argument("--start", type=Path, help="folder with the weights to run the last phase from")
    given = parser.parse_args()
    start = load_model(given.start) if given.start else None
    plan = PretrainingPlan(updates=given.updates, seed=given.seed, start=digest(given.start) if given.start else "")
    if given.quick:
        plan = replace(plan, updates=min(given.updates, 6), size=8, scenes=40, digits=20, tests=1)
    began = time.monotonic()
    model, figures = train(plan, start=start)
    minutes = (time.monotonic() - began) / 60
    written = write_folder(model, given.out, plan=plan, figures=figures, minutes=minutes)
    print(f"{given.out}: {figures}\ndigest {written}")
