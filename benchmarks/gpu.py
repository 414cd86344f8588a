"""Question: what does the platform make of a GPU? What do adapters cost on it, and is it busy?

Command: python -m benchmarks.gpu [--tiny] [--parts steps packing fleets numerics] [--models NAME ...] [--into FOLDER]
Cost: at most eight minutes on one GPU; --tiny: under a minute on a CPU. Expect, on a GPU: an update with 4 adapters
takes at most 1.15 × that of the bare frozen backbone, and the GPU computes for at least 90 % of it. "bare": as
transformers has it, recorded or not as the row is; "bare compiled": with its layers compiled.

Backbones with random weights at published sizes (nothing is downloaded), the second stage of the method on the task of
the digits, through the package's own `fit`. The parts: `steps` (1, 4 and 16 adapters; batches from the loader, or one
that is held in the GPU's memory; every kernel launched, updates recorded as CUDA graphs, layers compiled), `packing`
(several settings of one prefix in one forward pass), `fleets` (that share one GPU, with and without MPS), `numerics`
(float32 and bfloat16, with graphs and determinism on and off, twice each).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from atlas.backbones import load, locate
from benchmarks.gpus import fleets, numerics, packing, steps
from benchmarks.gpus.checkpoints import SIZES, TINY, prepared_task, write
from benchmarks.gpus.timing import freed

PARTS = ("steps", "packing", "fleets", "numerics")
MEBIBYTE = 2**20


class Benchmark:
    """The parts of the benchmark on one device, in full or in the tiny form that a CPU does."""

    def __init__(self, root: Path, *, tiny: bool, models: Sequence[str] = ()) -> None:
        self.root, self.tiny, self.models = root, tiny, models
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.precision: Any = "float32" if self.device.type == "cpu" else "bfloat16"

    def steps(self) -> Iterator[steps.Row]:
        """Updates against the bare backbone."""
        course = steps.Course(
            device=self.device,
            precision=self.precision,
            seconds=0.05 if self.tiny else 0.8,
            records=16 if self.tiny else 512,
            loaders=0 if self.tiny else 2,
        )
        sizes = [size for size in (TINY if self.tiny else SIZES) if not self.models or size.name in self.models]
        return steps.rows(sizes, (1, 2) if self.tiny else (1, 4, 16), course, self.root)

    def packing(self) -> Iterator[packing.Row]:
        """Several settings of one prefix, packed, on the small and a large ViLT."""
        places = {"vilt-tiny": (locate("vilt-tiny"), 8 if self.tiny else 32)}
        if not self.tiny:
            places["ViLT-B/32"] = (write(SIZES[0], self.root / "packed"), 32)
        for name, (folder, batch) in places.items():
            data = prepared_task(folder, self.root / "data", records=batch)
            for settings in (2,) if self.tiny else (4, 8):
                with freed(self.device):
                    yield packing.row(
                        load(folder).to(self.device),
                        data,
                        name,
                        settings=settings,
                        batch=batch,
                        rank=16,
                        precision=self.precision,
                        repeats=1 if self.tiny else 20,
                    )

    def fleets(self) -> Iterator[fleets.Row]:
        """Processes that share the device."""
        data = prepared_task(locate("vilt-tiny"), self.root / "data", records=64 if self.tiny else 512)
        load = fleets.Load(
            backbone="vilt-tiny",
            prepared=data.splits["train"].path,
            device=str(self.device),
            precision=self.precision,
            batch=8 if self.tiny else 32,
            seconds=0.2 if self.tiny else 3.0,
        )
        return fleets.rows(load, (1,) if self.tiny else (1, 2, 4, 8))

    def numerics(self) -> Iterator[numerics.Outcome]:
        """Precisions, recorded updates, and determinism."""
        variants = numerics.VARIANTS[::4] if self.tiny else numerics.VARIANTS
        updates, times = (2, 1) if self.tiny else (100, 2)
        return numerics.outcomes(str(self.device), self.root / "walks", variants, updates=updates, times=times)

    @property
    def card(self) -> str:
        """The device's name."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "a CPU"


def tabulate(part: str, rows: Sequence[Any], seconds: float) -> Table:
    """The table of a part, which took so many seconds."""
    table = Table(title=f"{part} ({seconds:.0f} s)", title_justify="left")
    lines = [TABLES[part](row) for row in rows]
    for column in lines[0] if lines else ():
        table.add_column(column, justify="right")
    for line in lines:
        table.add_row(*line.values())
    return table


def _step(row: steps.Row) -> dict[str, str]:
    pace = row.pace
    return {
        "model": row.model,
        "batch": str(pace.batch),
        "adapters": str(row.adapters) if row.adapters else "bare",
        "batches": "loader" if row.loader else "held",
        "graphs": "yes" if row.graphs else "no",
        "compiled": "yes" if row.compiled else "no",
        "ms an update": f"{pace.milliseconds:.1f}",
        "× bare": f"{row.against_bare:.2f}",
        "× bare compiled": "" if row.against_compiled is None else f"{row.against_compiled:.2f}",
        "samples/s": f"{pace.samples:,.0f}",
        "begun after s": f"{pace.begun:.1f}",
        "busy": "" if pace.busy is None else f"{pace.busy:.0%}",
        "peak MiB": "" if pace.peak is None else f"{pace.peak / MEBIBYTE:,.0f}",
    }


def _packing(row: packing.Row) -> dict[str, str]:
    return {
        "model": row.model,
        "settings": str(row.settings),
        "batch": str(row.batch),
        "one by one, ms": f"{row.one_by_one:.1f}",
        "packed, ms": f"{row.packed:.1f}",
        "ratio": f"{row.one_by_one / row.packed:.2f}",
        "gradients apart": f"{row.apart:.1e}",
    }


def _fleet(row: fleets.Row) -> dict[str, str]:
    return {"processes": str(row.processes), "MPS": "yes" if row.mps else "no", "updates/s": f"{row.updates:.1f}"}


def _numerics(row: numerics.Outcome) -> dict[str, str]:
    return {
        "precision": row.variant.precision,
        "graphs": "yes" if row.variant.graphs else "no",
        "deterministic": "yes" if row.variant.deterministic else "no",
        "compiled": "yes" if row.variant.compile else "no",
        "R, last row": ", ".join(f"{one:.2f}" for one in row.accuracies),
        "weights": row.digest,
        "seconds": f"{row.seconds:.1f}",
    }


TABLES: dict[str, Any] = {"steps": _step, "packing": _packing, "fleets": _fleet, "numerics": _numerics}


def report(benchmark: Benchmark, parts: Sequence[str], console: Console, into: Path | None) -> None:
    """Measure the parts, print a table of each, and write all figures to `into`/gpu.json."""
    figures: dict[str, Any] = {"card": benchmark.card, "torch": torch.__version__}
    console.print(f"{benchmark.card}, torch {torch.__version__}, {benchmark.precision}")
    for part in parts:
        began, rows = time.perf_counter(), []
        for row in getattr(benchmark, part)():
            rows.append(row)
            console.print(f"  {part}: " + ", ".join(TABLES[part](row).values()), style="dim")
            figures[part] = [asdict(one) for one in rows]
            if into is not None:
                (into / "gpu.json").write_text(json.dumps(figures, indent=1))
        console.print(tabulate(part, rows, time.perf_counter() - began))


def main() -> None:
    """Print a table a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="two layers, a moment a measurement: for a CPU")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="the parts to measure")
    names = [size.name for size in SIZES]
    parser.add_argument("--models", nargs="+", choices=names, default=(), help="of the part `steps` (default: all)")
    parser.add_argument("--into", type=Path, help="a folder for gpu.json, every figure measured")
    given = parser.parse_args()
    if not given.tiny and not torch.cuda.is_available():
        parser.error("there is no GPU here that PyTorch can use; --tiny runs on a CPU.")
    with tempfile.TemporaryDirectory() as folder:
        report(
            Benchmark(Path(folder), tiny=given.tiny, models=given.models), given.parts, Console(width=120), given.into
        )


if __name__ == "__main__":
    main()
