"""Supplies images and batches, made in advance by worker processes where there are any."""

from __future__ import annotations

import multiprocessing
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.pool import Pool
from typing import TypeVar

import numpy as np

from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.images import PARTS, PATCH, SIDE, digit_image, patch_parts, scene_of
from atlas.tasks.offline.scenes import render

CHUNK = 500  # images that a worker makes at once
AHEAD = 4  # results that wait, a worker
NOTHING = -100  # PyTorch's `ignore_index`: no target here
Given = TypeVar("Given")
Made = TypeVar("Made")


@contextmanager
def pool_of(workers: int) -> Iterator[Pool | None]:
    """A pool of so many processes, None for 0. Begin it before the first use of a GPU: on Linux it forks."""
    if not workers:
        yield None
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with context.Pool(workers) as pool:
        yield pool


def mapped(pool: Pool | None, function: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """The function's results in the order of what is given; the pool works some ahead."""
    if pool is None:
        yield from map(function, given)
        return
    waiting: deque[multiprocessing.pool.AsyncResult[Made]] = deque()
    limit = AHEAD * len(pool._pool)  # type: ignore[attr-defined]
    for one in given:
        waiting.append(pool.apply_async(function, (one,)))
        if len(waiting) >= limit:
            yield waiting.popleft().get()
    while waiting:
        yield waiting.popleft().get()


def build_bank(plan: GenerativePlan, pool: Pool | None) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [N, 3, S, S] and patches int8 [N, P, 3] of the plan's scenes and then its digits."""
    count = plan.scenes + plan.digits
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    made = list(mapped(pool, partial(_images, plan), chunks))
    return np.concatenate([pixels for pixels, _ in made]), np.concatenate([patches for _, patches in made])


def _images(plan: GenerativePlan, numbers: range) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.empty((len(numbers), 3, SIDE, SIDE), np.uint8)
    patches = np.full((len(numbers), (SIDE // PATCH) ** 2, len(PARTS)), NOTHING, np.int8)
    for i, number in enumerate(numbers):
        if number < plan.scenes:
            scene = scene_of(plan.seed, number)
            image, patches[i] = render(scene), patch_parts(scene)
        else:
            image = digit_image(plan.seed, number - plan.scenes)
        pixels[i] = np.asarray(image).transpose(2, 0, 1)
    return pixels, patches
