"""Generated twins of the eight benchmarks: same record, head and score, over scenes and words of coloured shapes.

To add one: write its file, add one line to TWINS (and one to the catalogue).
"""

from __future__ import annotations

from atlas.tasks.twins import (
    commonsense_qa,
    inaturalist,
    nlvr2,
    piqa,
    places365,
    snli_ve,
    vcr,
    vqa,
)
from atlas.tasks.twins.twin import Sizes, Twin

TWINS: dict[str, Twin] = {
    "snli-ve-twin": snli_ve.TWIN,
    "piqa-twin": piqa.TWIN,
    "inaturalist-twin": inaturalist.TWIN,
    "vqa-twin": vqa.TWIN,
    "vcr-twin": vcr.TWIN,
    "commonsense-qa-twin": commonsense_qa.TWIN,
    "places365-twin": places365.TWIN,
    "nlvr2-twin": nlvr2.TWIN,
}

__all__ = ["TWINS", "Sizes", "Twin"]
