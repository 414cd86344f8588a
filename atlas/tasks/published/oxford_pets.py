"""Oxford-IIIT Pets: which of 37 breeds of cat or dog is this? (Parkhi et al., 2012, doi:10.1109/CVPR.2012.6248092)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.coop import CoopSplit, in_words
from atlas.tasks.reading.files import text_lines
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task
from atlas.tasks.reading.layout import Layout
from atlas.tasks.sample import Broken

IMAGES = "images/"
LISTS = {"train": "annotations/trainval.txt", "test": "annotations/test.txt"}
LAYOUT = Layout.of(
    *LISTS.values(), IMAGES, obtain="Get images and annotations from https://www.robots.ox.ac.uk/~vgg/data/pets/."
)


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture | Broken]]:
    """The lines of a list: breed and number of a picture, class, species, breed of it: `Abyssinian_100 1 1 1`."""
    for where, line in text_lines(source / LISTS[part]):
        if line.startswith("#"):
            continue
        name, *numbers = line.split()
        breed = name.rpartition("_")[0]
        if not breed or len(numbers) != 3:
            yield where, Broken(where=where, reason=f"{line!r:.80} should be a picture's name and three numbers")
        else:
            yield where, LabelledPicture(name=f"{IMAGES}{name}.jpg", label=breed)


def breeds(source: Path) -> Mapping[str, str]:
    """The breeds of the training list, with their names in words."""
    found = {one.label for _, one in pictures(source, "train") if not isinstance(one, Broken)}
    return {breed: in_words(breed).lower() for breed in sorted(found, key=str.lower)}


DATASET = ImageClasses(
    task="oxford-pets",
    layout=LAYOUT,
    rule="val held out",
    lines=pictures,
    classes=breeds,
    folders=(IMAGES,),
    coop=CoopSplit(file="split_zhou_OxfordPets.json", folder=IMAGES),
)
OXFORD_PETS = image_task(
    DATASET,
    title="Oxford-IIIT Pets",
    classes=37,
    licence="CC BY-SA 4.0 (Oxford-IIIT Pet, Parkhi et al., 2012)",
    about="Which breed of cat or dog is this? 7,349 photos of 37 breeds, 3,669 of them for reporting.",
    templates=("a photo of a {}, a type of pet.",),
    published=(("train+val", 3_680), ("test", 3_669)),
)
