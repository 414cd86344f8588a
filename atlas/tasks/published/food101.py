"""Food-101: which of 101 dishes is this? (Bossard et al., 2014, doi:10.1007/978-3-319-10599-4_29)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.coop import CoopSplit, in_words
from atlas.tasks.reading.files import text_lines
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task
from atlas.tasks.reading.layout import Layout

IMAGES, CLASSES = "images/", "meta/classes.txt"
LISTS = {part: f"meta/{part}.txt" for part in ("train", "test")}
LAYOUT = Layout.of(
    *LISTS.values(),
    CLASSES,
    IMAGES,
    obtain="Get Food-101 from https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/.",
)


def dishes(source: Path) -> Mapping[str, str]:
    """The classes, with their names in words."""
    return {name: in_words(name) for _, name in text_lines(source / CLASSES)}


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture]]:
    """The lines of a list: class and number of a picture, as in `apple_pie/1005649`."""
    for where, line in text_lines(source / LISTS[part]):
        yield where, LabelledPicture(name=f"{IMAGES}{line}.jpg", label=line.rpartition("/")[0])


DATASET = ImageClasses(
    task="food101",
    layout=LAYOUT,
    rule="val held out",
    lines=pictures,
    classes=dishes,
    folders=(IMAGES,),
    coop=CoopSplit(file="split_zhou_Food101.json", folder=IMAGES),
)
FOOD101 = image_task(
    DATASET,
    title="Food-101",
    classes=101,
    licence="for research; the photos are those of foodspotting.com's users (Food-101, Bossard et al., 2014)",
    about="Which dish is this? 101,000 photos of 101 dishes, a quarter of them for reporting.",
    templates=("a photo of {}, a type of food.",),
)
