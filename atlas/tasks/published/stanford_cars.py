"""Stanford Cars: which of 196 models of cars is this? (Krause et al., 2013, doi:10.1109/ICCVW.2013.77)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.tasks.reading.arrays import column, read_matlab
from atlas.tasks.reading.coop import CoopSplit
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task
from atlas.tasks.reading.layout import Layout, Needed

META = "devkit/cars_meta.mat"
LISTS = {"train": "devkit/cars_train_annos.mat", "test": "cars_test_annos_withlabels.mat"}
FOLDERS = {"train": "cars_train/", "test": "cars_test/"}
LAYOUT = Layout(
    needs=(
        Needed(paths=(META,)),
        Needed(paths=(LISTS["train"],)),
        Needed(paths=(LISTS["test"], f"devkit/{LISTS['test']}")),
        *(Needed(paths=(folder,)) for folder in FOLDERS.values()),
    ),
    obtain="Get Stanford Cars as https://github.com/pytorch/vision/issues/7545 says: its authors' page is gone.",
)


def models(source: Path) -> Mapping[str, str]:
    """The classes by their numbers, which begin with 1; the year first, as in `2012 Audi A5 Coupe`."""
    names = column(source / META, read_matlab(source / META), "class_names")
    return {str(number): year_first(str(name)) for number, name in enumerate(names, start=1)}


def year_first(name: str) -> str:
    """`Audi A5 Coupe 2012` as `2012 Audi A5 Coupe`; any other name as it is."""
    model, _, year = name.rpartition(" ")
    return f"{year} {model}" if year.isdecimal() and model else name


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture]]:
    """The annotations of a part: a picture's file and the number of its class."""
    path = LAYOUT.path(source, LISTS[part])
    for place, row in enumerate(column(path, read_matlab(path), "annotations")):
        name = f"{FOLDERS[part]}{row['fname']}"
        yield f"{path.name}:{place}", LabelledPicture(name=name, label=str(row["class"]))


DATASET = ImageClasses(
    task="stanford-cars",
    layout=LAYOUT,
    rule="val held out",
    lines=pictures,
    classes=models,
    folders=tuple(FOLDERS.values()),
    coop=CoopSplit(file="split_zhou_StanfordCars.json", folder=""),
)
STANFORD_CARS = image_task(
    DATASET,
    title="Stanford Cars",
    classes=196,
    licence="for non-commercial research (Stanford Cars, Krause et al., 2013)",
    about="Which model of car is this? 16,185 photos of 196 models, 8,041 of them for reporting.",
    templates=("a photo of a {}.", "a photo of the {}.", "a photo of my {}.", "a photo of my new {}."),
    published=(("train+val", 8_144), ("test", 8_041)),
)
