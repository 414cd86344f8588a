"""EuroSAT: which of ten uses of land does this satellite picture show? (Helber et al., 2019, arXiv:1709.00029)"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.coop import CoopSplit
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, folders_of, image_task, pictures_in
from atlas.tasks.reading.layout import Layout

IMAGES = "2750/"
NAMES = {  # CLIP's
    "AnnualCrop": "annual crop land",
    "Forest": "forest",
    "HerbaceousVegetation": "brushland or shrubland",
    "Highway": "highway or road",
    "Industrial": "industrial buildings or commercial buildings",
    "Pasture": "pasture land",
    "PermanentCrop": "permanent crop land",
    "Residential": "residential buildings or homes or apartments",
    "River": "river",
    "SeaLake": "lake or sea",
}
COOP = CoopSplit(file="split_zhou_EuroSAT.json", folder=IMAGES)
LAYOUT = Layout.of(IMAGES, obtain="Get EuroSAT (RGB) from https://github.com/phelber/EuroSAT.")


def uses(source: Path) -> Mapping[str, str]:
    """The folders, with their names in words."""
    return {folder: NAMES.get(folder, spaced(folder)) for folder in folders_of(source, IMAGES)}


def spaced(folder: str) -> str:
    """`SeaLake` as `sea lake`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", folder).lower()


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture]]:
    """All pictures."""
    return pictures_in(source, IMAGES)


DATASET = ImageClasses(
    task="eurosat",
    layout=LAYOUT,
    rule="seeded",
    lines=pictures,
    classes=uses,
    folders=(IMAGES,),
    coop=COOP,
)
EUROSAT = image_task(
    DATASET,
    title="EuroSAT",
    classes=10,
    licence="MIT (EuroSAT, Helber et al., 2019; contains Copernicus Sentinel data)",
    about="Which use of land is this? 27,000 satellite pictures of 64×64 pixels, of ten kinds.",
    templates=("a centered satellite photo of {}.", "a centered satellite photo of a {}."),
)
