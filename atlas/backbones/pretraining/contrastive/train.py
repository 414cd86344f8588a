"""Pre-trains `clip-tiny` on generated scenes and texts, and writes it as a Hugging Face checkpoint with its card.

    python -m atlas.backbones.pretraining.contrastive --out FOLDER [--updates 2400] [--seed 1] [--quick]

Each update has three losses. Images are matched with their captions, and captions with their images, within the batch,
as in CLIP; each of as many further images is matched with one right text among texts of the same form (a question with
its answer, a statement with its verdict); and of every patch the shape that it shows is predicted. Takes about 16
minutes of processor time.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from transformers import CLIPModel

from atlas.backbones.pretraining.contrastive.card import write_folder
from atlas.backbones.pretraining.contrastive.model import ContrastiveModel, tiny_config
from atlas.backbones.pretraining.contrastive.pairs import Pairs
from atlas.backbones.pretraining.contrastive.plan import ContrastivePlan
from atlas.backbones.pretraining.images import build_images


def train(plan: ContrastivePlan) -> tuple[CLIPModel, dict[str, float]]:
    """The model, and its percent of right matches on held-out images, by loss."""
    torch.manual_seed(plan.seed)
    model = ContrastiveModel(tiny_config())
    pairs = Pairs(build_images(plan.seed, scenes=plan.scenes, digits=plan.digits), seed=plan.seed, size=plan.size)
    optimiser = torch.optim.AdamW(model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.01)
    warm = max(1, plan.updates // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (plan.updates - step) / max(1, plan.updates - warm))
    )
    for step in range(plan.updates):
        losses = model(pairs.batch())
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step + 1 == plan.updates:
            print(
                f"update {step + 1}/{plan.updates}; " + ", ".join(f"{n} {v:.2f}" for n, v in losses.items()), flush=True
            )
    return model.model, evaluate(model.eval(), plan)


@torch.no_grad()
def evaluate(model: ContrastiveModel, plan: ContrastivePlan) -> dict[str, float]:
    """Percent right on images of another seed: captions among those of a batch, right texts among their like."""
    count = plan.tests * plan.size
    images = build_images(plan.seed + 10_000, scenes=count, digits=count)
    pairs, right = Pairs(images, seed=plan.seed + 1, size=plan.size), {"captions": 0, "choices": 0}
    for _ in range(plan.tests):
        batch = pairs.batch()
        near = (model.images(batch.pixels) @ model.texts(batch.tokens).T).argmax(1)
        right["captions"] += int(batch.same[torch.arange(plan.size), near].sum())
        texts = model.texts(batch.choice_tokens.flatten(0, 1)).unflatten(0, batch.choice_tokens.shape[:2])
        seen = torch.einsum("bd,bcd->bc", model.images(batch.choice_pixels), texts)
        right["choices"] += int((seen.argmax(1) == 0).sum())
    return {name: round(100 * hits / count, 1) for name, hits in right.items()}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Pre-train clip-tiny on generated scenes and texts.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--updates", type=int, default=ContrastivePlan.updates)
    parser.add_argument("--seed", type=int, default=ContrastivePlan.seed)
    parser.add_argument("--quick", action="store_true", help="a few updates on few pictures, to try the command")
    given = parser.parse_args()
    plan = ContrastivePlan(updates=given.updates, seed=given.seed)
    if given.quick:
        plan = replace(plan, updates=min(given.updates, 3), size=8, scenes=40, digits=20, tests=1)
    began = time.process_time()
    model, figures = train(plan)
    written = write_folder(model, given.out, plan=plan, figures=figures, minutes=(time.process_time() - began) / 60)
    print(f"{given.out}: {figures}\ndigest {written}")
