"""Writing CoOp's split of a data set."""

from __future__ import annotations

import json
from pathlib import Path

from atlas.tasks.reading.coop import CoopSplit
from atlas.tasks.twins.mtil.image_twin import Samples


def write_coop(folder: Path, split: CoopSplit, samples: Samples) -> None:
    """The file of the split: path, label and class name of each picture."""
    lists = {
        part: [[one.name.removeprefix(split.folder), one.label, one.place.label] for one in found]
        for part, found in samples.items()
    }
    (folder / split.file).write_text(json.dumps(lists), encoding="utf-8")
