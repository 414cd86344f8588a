"""Question: does preparing ten times the records take more memory?

Command: python benchmarks/growth.py [--records 6000] [--shard-mib 64]
Cost: about a minute on one core. Expect: a ratio near 1; each size runs in a process of its own.

Every record has a picture of its own (96x96 noise), so that everything that could grow with the data does.
"""

from __future__ import annotations

import argparse
import functools
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import atlas.data.shard
from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.data.prepare import PrepareOptions, prepare
from atlas.tasks import Picture, Record, Task

SIDE = 96


@dataclass(frozen=True, kw_only=True)
class Usage:
    """MiB before and at the peak, and the seconds it took."""

    before: float
    peak: float
    seconds: float


def noise(number: int) -> Image.Image:
    """A picture that no other record has."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def read(records: int, split: str, source: Path | None) -> Iterator[Record]:
    """So many records of train, and one each of the others."""
    for number in range(records if split == "train" else 1):
        picture = Picture(name=f"{split}/{number:09}.png", open=functools.partial(noise, number))
        yield Record(id=f"{split}-{number:09}", pictures=(picture,), texts=(f"is this the number {number} ?",), label=0)


def sources(source: Path | None) -> Mapping[str, str]:
    return {"made up": "1"}


def task_of(records: int) -> Task:
    """The task of so many records."""
    return Task(
        name="noise",
        title="Noise",
        modality="vision-language",
        answers=("no", "yes"),
        chance=50.0,
        licence="none",
        about="Made up.",
        version=1,
        read=functools.partial(read, records),
        sources=sources,
    )


def peak() -> float:
    """The peak of this process's resident memory, in MiB (Linux counts KiB, macOS bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def here(records: int, shard_mib: int) -> None:
    """Prepare so many records in this process and print the usage."""
    atlas.data.shard.PICTURE_BYTES_A_SHARD = shard_mib * 2**20
    processor = Processor.load(locate("vilt-tiny"))
    before, start = peak(), time.perf_counter()
    with tempfile.TemporaryDirectory() as root:
        prepare(task_of(records), processor=processor, root=Path(root), prepare_options=PrepareOptions(ray=False))
    print(before, peak(), time.perf_counter() - start)


def elsewhere(records: int, shard_mib: int) -> Usage:
    """Prepare so many records in a fresh process."""
    command = [sys.executable, __file__, "--here", "--records", str(records), "--shard-mib", str(shard_mib)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, highest, seconds = map(float, said.split())
    return Usage(before=before, peak=highest, seconds=seconds)


def compare(records: int, shard_mib: int) -> None:
    """Print what both sizes take."""
    few, many = elsewhere(records, shard_mib), elsewhere(10 * records, shard_mib)
    for count, one in ((records, few), (10 * records, many)):
        memory = f"{one.peak:6.0f} MiB at the peak ({one.before:.0f} before)"
        print(f"  prepare {count:7,} records: {memory}, {one.seconds:.1f} s")
    print(f"  memory for ten times the records: {many.peak / few.peak:.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=6000, help="the smaller size; more than a shard holds")
    parser.add_argument("--shard-mib", type=int, default=64, help="bytes of pictures a shard")
    parser.add_argument("--here", action="store_true", help="prepare in this process and print its memory")
    given = parser.parse_args()
    (here if given.here else compare)(given.records, given.shard_mib)


if __name__ == "__main__":
    main()
