"""Pre-trains `vlm-tiny` on questions about generated scenes, and writes it as a Hugging Face checkpoint with its card.

    python -m atlas.backbones.pretraining.generative --out FOLDER [--updates 2100] [--seed 1] [--minutes M] [--quick]

A row of a batch holds one image, two or none, and several turns about it, each a prompt and its answer in words. Turns
of a row see the images and themselves, so that each is learnt as if it stood alone. The loss is that of the answers'
tokens, and, beside it, of the shape that every patch shows. Runs on a GPU, in bfloat16, where there is one; worker
processes make images and batches in advance. With --minutes the rate falls by the clock, and the number of updates is
what fits.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

import torch
from torch import nn

from atlas.backbones.pretraining.generative.card import write_folder
from atlas.backbones.pretraining.generative.clock import TrainingClock
from atlas.backbones.pretraining.generative.exam import Exam, build_exam
from atlas.backbones.pretraining.generative.model import GenerativeModel, ImageBank, model_config
from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.rows import training_batch
from atlas.backbones.pretraining.generative.supply import build_bank, mapped, pool_of
from atlas.runtime.text import counted


def train(
    plan: GenerativePlan, clock: TrainingClock, pool: Pool | None, device: torch.device
) -> tuple[GenerativeModel, Exam]:
    """The model, and the exam that it was watched by."""
    torch.manual_seed(plan.seed)
    made = build_bank(plan, pool)
    exam = build_exam(plan, pool, device)
    pixels, patches = (torch.from_numpy(array).to(device) for array in made)
    bank = ImageBank(pixels=pixels, patches=patches)
    model = GenerativeModel(model_config(plan)).to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.02, fused=device.type == "cuda"
    )
    parameters = sum(p.numel() for p in model.model.parameters())
    clock.say(f"{counted(len(pixels), 'image')} and {parameters:,} parameters on {device}")
    for batch in mapped(pool, partial(training_batch, plan), clock.updates()):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * clock.share_of_rate()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            losses = model(bank.tensors(batch))
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if clock.done_one():
            shown = ", ".join(f"{name} {value.item():.3f}" for name, value in losses.items())
            clock.report(f"{shown}; exact {exam.figures(model, most=1)}")
        if clock.ended:
            break
    return model, exam


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Pre-train vlm-tiny on questions about generated scenes.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--updates", type=int, default=GenerativePlan.updates)
    parser.add_argument("--minutes", type=float, help="train for so long, whatever the number of updates")
    parser.add_argument("--seed", type=int, default=GenerativePlan.seed)
    parser.add_argument("--size", type=int, default=GenerativePlan.size, help="rows a batch")
    parser.add_argument("--rate", type=float, default=GenerativePlan.rate)
    parser.add_argument("--scenes", type=int, default=GenerativePlan.scenes)
    parser.add_argument("--width", type=int, default=GenerativePlan.width)
    parser.add_argument("--layers", type=int, default=GenerativePlan.layers)
    parser.add_argument("--workers", type=int, help="processes that make images and batches (default: by the cores)")
    parser.add_argument("--every", type=float, default=15, help="seconds between reports")
    parser.add_argument("--quick", action="store_true", help="a few updates on few pictures, to try the command")
    given = parser.parse_args()
    names = ("updates", "seed", "size", "rate", "scenes", "width", "layers")
    plan = GenerativePlan(**{name: getattr(given, name) for name in names})
    if given.quick:
        plan = replace(plan, updates=min(given.updates, 3), size=4, scenes=40, digits=20, tests=8, width=32, layers=1)
    workers = given.workers if given.workers is not None else _workers()
    _run(plan, given.out, workers=0 if given.quick else workers, minutes=given.minutes, every=given.every)


def _run(plan: GenerativePlan, out: Path, *, workers: int, minutes: float | None, every: float) -> None:
    clock = TrainingClock(updates=plan.updates, warm=plan.warm, minutes=minutes, every=every)
    with pool_of(workers) as pool:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model, exam = train(plan, clock, pool, device)
    figures: Mapping[str, float] = exam.figures(model.half().float())
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else "processor"
    plan = replace(plan, updates=clock.done)
    written = write_folder(model.model, out, plan=plan, figures=figures, minutes=clock.elapsed, hardware=hardware)
    clock.say(f"{out}: {figures}\ndigest {written}")


def _workers() -> int:
    """One a core, but for the one that trains; none on two cores or fewer, where they would only take its time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores - 1 if cores > 2 else 0
