"""The runs of one sweep: each marks the steps that it trains, so that a resumed sweep knows those that it kept."""

from __future__ import annotations

from atlas.sweep.folder import SweepFolder

RUNS = "runs.txt"


def begin_run(folder: SweepFolder, token: str) -> frozenset[str]:
    """Note that a run of the sweep begins; returns the tokens of its earlier ones."""
    folder.place.download(only=(RUNS,))
    path = folder.path / RUNS
    earlier = path.read_text().split() if path.is_file() else []
    path.write_text("".join(f"{one}\n" for one in (*earlier, token)))
    return frozenset(earlier)
