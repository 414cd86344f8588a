"""Caltech-101: which of 101 kinds of objects is this? (Fei-Fei et al., 2004, doi:10.1109/CVPR.2004.383)

The folder of pictures of nothing in particular, `BACKGROUND_Google`, is left out. CoOp's split has 100 classes: it
leaves out `Faces_easy` as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.coop import CoopSplit, in_words
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, folders_of, image_task, pictures_in
from atlas.tasks.reading.layout import Layout

IMAGES = "101_ObjectCategories/"
BACKGROUND = "BACKGROUND_Google"
NAMES = {  # CLIP's, where a folder's name is none
    "Faces": "off-center face",
    "Faces_easy": "centered face",
    "Leopards": "leopard",
    "Motorbikes": "motorbike",
    "airplanes": "airplane",
}
COOP = CoopSplit(file="split_zhou_Caltech101.json", folder=IMAGES)
LAYOUT = Layout.of(
    IMAGES, obtain="Get Caltech-101 (101_ObjectCategories) from https://data.caltech.edu/records/mzrjq-6wc02."
)


def categories(source: Path) -> Mapping[str, str]:
    """The folders, with their names in words."""
    folders = (folder for folder in folders_of(source, IMAGES) if folder != BACKGROUND)
    return {folder: NAMES.get(folder, in_words(folder).lower()) for folder in folders}


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture]]:
    """All pictures of objects."""
    return ((where, one) for where, one in pictures_in(source, IMAGES) if one.label != BACKGROUND)


DATASET = ImageClasses(
    task="caltech101",
    layout=LAYOUT,
    rule="seeded",
    lines=pictures,
    classes=categories,
    folders=(IMAGES,),
    coop=COOP,
)
CALTECH101 = image_task(
    DATASET,
    title="Caltech-101",
    classes=101,
    licence="CC BY 4.0 (Caltech 101, Li et al., 2022)",
    about="Which kind of object is this? 8,677 pictures of 101 kinds.",
    templates=("a photo of a {}.", "a photo of the {}.", "a drawing of a {}.", "a sculpture of a {}."),
)
