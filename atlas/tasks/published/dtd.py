"""Describable Textures: which of 47 textures is this? (Cimpoi et al., 2014, arXiv:1311.3618) Its first split of ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.coop import CoopSplit, in_words
from atlas.tasks.reading.files import text_lines
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, folders_of, image_task
from atlas.tasks.reading.layout import Layout
from atlas.tasks.sample import SPLITS

IMAGES = "images/"
LISTS = {split: f"labels/{split}1.txt" for split in SPLITS}
LAYOUT = Layout.of(*LISTS.values(), IMAGES, obtain="Get DTD from https://www.robots.ox.ac.uk/~vgg/data/dtd/.")


def textures(source: Path) -> Mapping[str, str]:
    """The folders, with their names in words."""
    return {folder: in_words(folder) for folder in folders_of(source, IMAGES)}


def pictures(source: Path, split: str) -> Iterator[tuple[str, LabelledPicture]]:
    """The lines of a list: a picture in the folder of its class, as in `banded/banded_0002.jpg`."""
    for where, line in text_lines(source / LISTS[split]):
        yield where, LabelledPicture(name=f"{IMAGES}{line}", label=line.rpartition("/")[0])


DATASET = ImageClasses(
    task="dtd",
    layout=LAYOUT,
    rule="published",
    lines=pictures,
    classes=textures,
    folders=(IMAGES,),
    coop=CoopSplit(file="split_zhou_DescribableTextures.json", folder=IMAGES),
)
DTD = image_task(
    DATASET,
    title="Describable Textures",
    classes=47,
    licence="for research; the photos are their owners' (DTD, Cimpoi et al., 2014)",
    about="Which texture is this? 5,640 photos of 47 textures, a third of them for reporting.",
    templates=("a photo of a {} texture.", "a photo of a {} pattern.", "a photo of a {} thing."),
)
