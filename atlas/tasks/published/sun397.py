"""SUN397: which of 397 scenes is this? (Xiao et al., 2010, doi:10.1109/CVPR.2010.5539970)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.coop import CoopSplit, in_words
from atlas.tasks.reading.files import text_lines
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task, pictures_in
from atlas.tasks.reading.layout import Layout, Needed

IMAGES = "SUN397/"
CLASSES = "ClassName.txt"
COOP = CoopSplit(file="split_zhou_SUN397.json", folder=IMAGES)
LAYOUT = Layout(
    needs=(
        Needed(paths=(f"{IMAGES}{CLASSES}", CLASSES, f"Partitions/{CLASSES}")),
        Needed(paths=(IMAGES,)),
    ),
    obtain="Get SUN397 from https://vision.princeton.edu/projects/2010/SUN/.",
)


def scenes(source: Path) -> Mapping[str, str]:
    """The paths of the classes, `a/apartment_building/outdoor`, with their names in words."""
    path = LAYOUT.path(source, CLASSES)
    return {name.strip("/"): named(name.strip("/")) for _, name in text_lines(path)}


def named(path: str) -> str:
    """The name of a class: `outdoor apartment building` of `a/apartment_building/outdoor`."""
    return in_words(" ".join(reversed(path.split("/")[1:])))


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture]]:
    """All pictures."""
    return pictures_in(source, IMAGES)


DATASET = ImageClasses(
    task="sun397",
    layout=LAYOUT,
    rule="seeded",
    lines=pictures,
    classes=scenes,
    folders=(IMAGES,),
    coop=COOP,
)
SUN397 = image_task(
    DATASET,
    title="SUN397",
    classes=397,
    licence="for research; the photos are their owners' (SUN397, Xiao et al., 2010)",
    about="Which scene is this? 108,754 photos of 397 kinds of places.",
    templates=("a photo of a {}.", "a photo of the {}."),
)
