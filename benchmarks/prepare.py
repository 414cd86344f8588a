"""Question: what does it save to decode, resize and tokenise a task once, instead of in every epoch? And does
preparing ten times the records take more memory (benchmarks/growth.py)?

Command: python benchmarks/prepare.py [--quick] [--task easy-vqa] [--backbone vilt-tiny]
Cost: about two minutes on one core (--quick: some seconds). Expect: reading prepared data is tens of times faster,
preparing has paid for itself after about one epoch, and its memory does not grow.

Both ways give the same batches, which is checked first; samples are drawn in the same random order.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.data.loader import Batch, Split, open_split, permutation
from atlas.data.prepare import prepare
from atlas.runtime.errors import AtlasError
from atlas.tasks import Record, Task, find_task

BATCH = 64


def encode(records: list[Record], processor: Processor) -> Batch:
    """The batch of these records, everything anew: what a loader over raw files does for every sample."""
    pictures = [[processor.pixels(one.open()) for one in record.pictures] or [processor.blank()] for record in records]
    tokens = torch.from_numpy(np.array([[processor.tokens(text) for text in record.texts] for record in records]))
    return Batch(
        pixels=torch.from_numpy(np.array(pictures)),
        tokens=tokens.long(),
        mask=tokens != processor.pad_id,
        targets=torch.tensor([record.label for record in records]),
    )


def seconds(work: Callable[[torch.Tensor], object], samples: int, repeats: int) -> float:
    """The best time of one epoch of batches in random order."""
    best = float("inf")
    for epoch in range(repeats):
        order = permutation(samples, 0, epoch)
        start = time.perf_counter()
        for indices in order.split(BATCH):
            work(indices)
        best = min(best, time.perf_counter() - start)
    return best


def same(split: Split, records: list[Record], processor: Processor) -> bool:
    """Whether both ways give the same first batch."""
    indices = permutation(len(records), 0, 0)[:BATCH]
    read, anew = split.batch(indices), encode([records[i] for i in indices.tolist()], processor)
    if anew.mask[..., split.text_tokens :].any():
        return False
    anew = replace(anew, tokens=anew.tokens[..., : split.text_tokens], mask=anew.mask[..., : split.text_tokens])
    return all(torch.equal(getattr(read, name), getattr(anew, name)) for name in vars(read))


def measure(task: Task, processor: Processor, *, samples: int, repeats: int) -> None:
    """Print samples a second of both ways, the parts of the slow one, and the ratio."""
    records = [one for one in itertools.islice(task.read("train", None), samples) if isinstance(one, Record)]
    samples = len(records)
    with tempfile.TemporaryDirectory() as root:
        start = time.perf_counter()
        prepared = prepare(task, processor=processor, root=Path(root), limits={"train": samples, "val": 1, "test": 1})
        once = time.perf_counter() - start
        split = open_split(prepared.path, "train")
        if not same(split, records, processor):
            raise AtlasError("the two ways give different batches: prepared data is not what encoding gives")
        read = seconds(split.batch, samples, repeats)

    def chosen(indices: torch.Tensor) -> list[Record]:
        return [records[i] for i in indices.tolist()]

    def pictures(indices: torch.Tensor) -> object:
        return [processor.pixels(one.open()) for record in chosen(indices) for one in record.pictures]

    def texts(indices: torch.Tensor) -> object:
        return [processor.tokens(text) for record in chosen(indices) for text in record.texts]

    anew = seconds(lambda indices: encode(chosen(indices), processor), samples, repeats)
    looked, spelled = seconds(pictures, samples, repeats), seconds(texts, samples, repeats)
    print(f"{task.name}: {samples} samples, batches of {BATCH}, {processor.image_size}x{processor.image_size} pixels")
    print(f"  anew, every epoch    {samples / anew:10.0f} samples/s   ({anew:.3f} s an epoch)")
    print(f"    decode and resize  {1e6 * looked / samples:10.1f} us a sample")
    print(f"    tokenise           {1e6 * spelled / samples:10.1f} us a sample")
    print(f"    stack              {1e6 * max(0.0, anew - looked - spelled) / samples:10.1f} us a sample")
    print(f"  prepared, read       {samples / read:10.0f} samples/s   ({read:.3f} s an epoch)")
    print(f"  ratio                {anew / read:10.1f} x")
    print(f"  prepare, once        {once:10.2f} s: paid for after {once / (anew - read):.1f} epochs", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 samples, once")
    parser.add_argument("--task", default="easy-vqa", help="a task that brings its own files and has single labels")
    parser.add_argument("--backbone", default="vilt-tiny", help="whose processor")
    options = parser.parse_args()
    samples, repeats = (1000, 1) if options.quick else (20_000, 3)
    try:
        processor = Processor.load(locate(options.backbone))
        measure(find_task(options.task), processor, samples=samples, repeats=repeats)
        growth = Path(__file__).with_name("growth.py")
        size = ["--records", "1000", "--shard-mib", "4"] if options.quick else []
        subprocess.run([sys.executable, str(growth), *size], check=True)
    except AtlasError as error:
        raise SystemExit(f"benchmarks/prepare.py: {error}") from error


if __name__ == "__main__":
    main()
