"""How long do Ray Train's workers take to be ready, with nothing of a sweep around them?

    python -m benchmarks.bare_start                 two trainers of a worker each, as two fleets have them
    python -m benchmarks.bare_start --trainers 1    one

To compare a sweep's start with (`python -m benchmarks.timeline`): Ray as it is started by default, a Ray Train trainer
in a thread for each worker, and in each worker the imports and the backbone that every step needs. No plan, broker,
trial, view, tracking or report. Printed: seconds from the start of a process to the moment at which each worker could
begin a step, and to the next prompt.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from threading import Thread

BARE = "--bare"


def main() -> None:
    """Run the bare trainers in a process of their own, and print when they were ready."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainers", type=int, default=2)
    parser.add_argument(BARE, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        return bare(given.trainers, given.bare)
    with tempfile.TemporaryDirectory(prefix="atlas-bare-") as folder:
        began = time.time()
        subprocess.run([sys.executable, __file__, "--trainers", str(given.trainers), BARE, folder], check=True)
        print(printed(Path(folder), began=began, ended=time.time()))
    return None


def printed(folder: Path, *, began: float, ended: float) -> str:
    """A line a worker that has noted its time in the folder, and one for the end; in seconds since `began`."""
    times = sorted(float(path.read_text()) - began for path in folder.glob("ready-*"))
    lines = [f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"]
    lines += [f"{seconds:7.1f} s  worker {number} could begin a step" for number, seconds in enumerate(times)]
    return "\n".join([*lines, f"{ended - began:7.1f} s  the prompt is back"])


def bare(trainers: int, folder: Path) -> None:
    """Start Ray and so many trainers of one worker, and wait for them."""
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    ray.init(address="local", log_to_driver=False, num_cpus=max(trainers, os.cpu_count() or 1))

    def fit(number: int) -> None:
        TorchTrainer(
            ready,
            train_loop_config={"file": str(folder / f"ready-{number}")},
            scaling_config=ScalingConfig(num_workers=1),
            run_config=RunConfig(name=f"bare-{number}", storage_path=str(folder)),
        ).fit()

    threads = [Thread(target=fit, args=(number,)) for number in range(trainers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ray.shutdown()


def ready(config: dict[str, str]) -> None:
    """Import what a step needs, load the tiny backbone, and note the time."""
    from atlas.backbones import load

    import_module("atlas.steps.train")
    load("vilt-tiny")
    Path(config["file"]).write_text(str(time.time()))


if __name__ == "__main__":
    main()
