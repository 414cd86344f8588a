"""Pre-trains `vilt-tiny` on generated scenes and sentences, and writes it as a Hugging Face checkpoint with its card.

    python -m atlas.backbones.pretraining --out FOLDER [--updates 11000] [--seed 1] [--start FOLDER] [--quick]

Phase 1 predicts, from images alone and after half of the layers, the shape that every patch shows. Phase 2 adds answers
from the pooled output (questions, statements, choices, text alone, digits) and masked words. Phase 3 has more of the
slowest objective: does the sentence fit the image? With --start, phase 3 alone runs, from the weights in that folder.
Takes about half an hour on two cores.
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
from atlas.backbones.pretraining.images import build_images
from atlas.backbones.pretraining.model import Predictions, PretrainingModel, tiny_config
from atlas.backbones.pretraining.plan import PretrainingPlan
from atlas.backbones.vilt.model import FastVilt, load_model


def losses(predictions: Predictions) -> dict[str, Tensor]:
    """The mean cross-entropy of every objective that has targets."""
    with_targets = {name: pair for name, pair in predictions.items() if (pair[1] != NONE).any()}
    return {name: nn.functional.cross_entropy(*pair, ignore_index=NONE) for name, pair in with_targets.items()}


def optimise(model: PretrainingModel, predict: Callable[[], Predictions], *, updates: int, rate: float) -> None:
    """AdamW on the sum of the losses; the rate warms up over a twentieth of the updates and falls linearly to 0."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    warm = max(1, updates // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (updates - step) / max(1, updates - warm))
    )
    start, shown = time.monotonic(), 0.0
    for step in range(updates):
        parts = losses(predict())
        optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if time.monotonic() - shown > 30 or step + 1 == updates:
            shown = time.monotonic()
            minutes = (shown - start) / (step + 1) * (updates - step - 1) / 60
            values = ", ".join(f"{name} {value.item():.2f}" for name, value in parts.items())
            print(f"update {step + 1}/{updates}, {minutes:.1f} min left; losses: {values}", flush=True)


def train(plan: PretrainingPlan, *, start: FastVilt | None = None) -> tuple[FastVilt, dict[str, float]]:
    """The model, and its percent of right answers for each kind of example on held-out images."""
    torch.manual_seed(plan.seed)
    model = PretrainingModel(tiny_config())
    images = build_images(plan.seed, scenes=plan.scenes, digits=plan.digits)
    curriculum = Curriculum(images, seed=plan.seed, size=plan.size)
    patches, mixed, last = (round(share * plan.updates) for share in plan.shares)
    if start is None:
        optimise(
            model, lambda: model.predict_patches(*curriculum.patch_batch()), updates=patches, rate=plan.looking_rate
        )
        optimise(model, lambda: model(curriculum.batch()), updates=mixed, rate=plan.rate)
    else:
        model.continue_from(start)
    optimise(model, lambda: model(curriculum.batch(last=True)), updates=last, rate=plan.rate)
    return model.model, evaluate(model.eval(), plan)


@torch.no_grad()
def evaluate(model: PretrainingModel, plan: PretrainingPlan) -> dict[str, float]:
    """Percent right for each kind of example, on images of another seed."""
    count = plan.tests * plan.size
    curriculum = Curriculum(
        build_images(plan.seed + 10_000, scenes=count, digits=count), seed=plan.seed + 1, size=plan.size
    )
    figures = {}
    for kind in SHARES:
        right = torch.cat([_right(model(curriculum.batch_of([kind] * plan.size))) for _ in range(plan.tests)])
        figures[kind] = round(100 * right.float().mean().item(), 1)
    return figures


def _right(predictions: Predictions) -> Tensor:
    """Whether each target was hit; patches, which every scene has, are left out."""
    pairs = [pair for name, pair in predictions.items() if not name.startswith("patch")]
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
