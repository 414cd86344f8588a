"""FGVC-Aircraft: which of 100 variants of aircraft is this? (Maji et al., 2013, arXiv:1306.5151)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.files import text_lines
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.sample import SPLITS, Broken

VARIANTS = "data/variants.txt"
LISTS = {split: f"data/images_variant_{split}.txt" for split in SPLITS}
IMAGES = "data/images/"
LAYOUT = Layout(
    needs=tuple(Needed(paths=(path, path.removeprefix("data/"))) for path in (VARIANTS, *LISTS.values(), IMAGES)),
    obtain="Get fgvc-aircraft-2013b from https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/.",
)


def variants(source: Path) -> Mapping[str, str]:
    """The classes, as the file of variants has them."""
    return {name: name for _, name in text_lines(LAYOUT.path(source, VARIANTS))}


def pictures(source: Path, split: str) -> Iterator[tuple[str, LabelledPicture | Broken]]:
    """The lines of a list: the number of a picture and its variant, as in `1025794 707-320`."""
    folder = LAYOUT.path(source, IMAGES).relative_to(source).as_posix()
    for where, line in text_lines(LAYOUT.path(source, LISTS[split])):
        number, _, variant = line.partition(" ")
        yield where, LabelledPicture(name=f"{folder}/{number}.jpg", label=variant.strip())


DATASET = ImageClasses(
    task="aircraft",
    layout=LAYOUT,
    rule="published",
    lines=pictures,
    classes=variants,
    folders=("data/images/", "images/"),
)
AIRCRAFT = image_task(
    DATASET,
    title="FGVC-Aircraft",
    classes=100,
    licence="for non-commercial research; the photos are their owners' (FGVC-Aircraft, Maji et al., 2013)",
    about="Which variant of aircraft is this? 10,000 photos of 100 variants, a third of them for reporting.",
    templates=("a photo of a {}, a type of aircraft.", "a photo of the {}, a type of aircraft."),
    published=(("train", 3_334), ("val", 3_333), ("test", 3_333)),
)
