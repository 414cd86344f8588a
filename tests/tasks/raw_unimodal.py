"""A few records of four published datasets, field by field in their raw formats, with images that are drawn here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

SCENES = ("/a/airfield", "/a/apartment_building/outdoor", "/b/beach", "/y/yard")
SPECIES = ("Acer rubrum", "Bufo bufo", "Corvus corax")


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    return write_lines(path, (json.dumps(row, ensure_ascii=False) for row in rows))


def draw(path: Path, shade: int = 0) -> Path:
    """A small JPEG of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 8), (shade % 256, 60, 90)).save(path, "JPEG")
    return path


def piqa_row(number: int) -> dict[str, str]:
    return {"goal": f"How do I open jar {number}?", "sol1": f"Twist lid {number}.", "sol2": f"Eat lid {number}."}


def write_piqa(root: Path, *, train: int = 40, valid: int = 6) -> Path:
    """As the archive has it; the first solution of every odd record is right."""
    for part, count in (("train", train), ("valid", valid)):
        start = 0 if part == "train" else 1000
        write_jsonl(root / f"{part}.jsonl", (piqa_row(start + i) for i in range(count)))
        write_lines(root / f"{part}-labels.lst", (str((i + 1) % 2) for i in range(count)))
    return root


def csqa_row(number: int, *, part: str = "train", answer: str | None = None) -> dict[str, Any]:
    """A question whose choices stand in another order than that of their labels."""
    choices = [{"label": label, "text": f"{label.lower()}{number}"} for label in "CADBE"]
    question = {"question_concept": "thing", "choices": choices, "stem": f"Where is {part} thing {number}?"}
    return {"answerKey": answer or "ABCDE"[number % 5], "id": f"{part}{number:04x}", "question": question}


def write_csqa(root: Path, *, train: int = 40, dev: int = 5) -> Path:
    write_jsonl(root / "train_rand_split.jsonl", (csqa_row(i) for i in range(train)))
    write_jsonl(root / "dev_rand_split.jsonl", (csqa_row(i, part="dev") for i in range(dev)))
    return root


def inat_document(images: Sequence[int], *, species: Sequence[str] = SPECIES) -> dict[str, Any]:
    """The JSON of some images; the category of image i is 10 × (i mod species), the annotations stand in reverse."""
    kinds = len(species)
    return {
        "info": {"description": "This is a made-up set."},
        "images": [
            {"id": i, "file_name": inat_name(i), "width": 12, "height": 8, "license": 3, "rights_holder": "Ann"}
            for i in images
        ],
        "categories": [
            {"id": 10 * i, "name": name, "supercategory": "Animals"} for i, name in reversed(list(enumerate(species)))
        ],
        "licenses": [],
        "annotations": [{"id": 7 * i, "image_id": i, "category_id": 10 * (i % kinds)} for i in reversed(images)],
    }


def inat_name(image: int) -> str:
    return f"train_val2019/Animals/{image % 3}/{image:032x}.jpg"


def write_inat(root: Path, *, train: int = 60, val: int = 6) -> Path:
    parts = {"train2019.json": range(train), "val2019.json": range(train, train + val)}
    for name, images in parts.items():
        root.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(inat_document(images)))
        for image in images:
            draw(root / inat_name(image), image)
    return root


def write_categories(root: Path) -> Path:
    return write_lines(root / "categories_places365.txt", (f"{path} {i}" for i, path in enumerate(SCENES)))


def write_places_by_folder(root: Path, *, train: int = 15, val: int = 2) -> Path:
    """The small release by folders: a scene's parts are joined by a dash."""
    write_categories(root)
    for part, count in (("train", train), ("val", val)):
        for label, scene in enumerate(SCENES):
            folder = scene[3:].replace("/", "-")
            for i in range(count):
                draw(root / part / folder / f"{part}_{i:08}.jpg", 50 * label + i)
    return root


def write_places_by_list(root: Path, *, train: int = 15, val: int = 2) -> Path:
    """The official archives and lists."""
    write_categories(root)
    names = [(f"{scene}/{i:08}.jpg", label) for label, scene in enumerate(SCENES) for i in range(train)]
    flat = [(f"Places365_val_{i:08}.jpg", i % len(SCENES)) for i in range(val * len(SCENES))]
    for folder, list_file, rows in (
        ("data_256", "places365_train_standard.txt", names),
        ("val_256", "places365_val.txt", flat),
    ):
        write_lines(root / list_file, (f"{name} {label}" for name, label in rows))
        for name, label in rows:
            draw(root / folder / name.lstrip("/"), 50 * label)
    return root


RAW: dict[str, Callable[[Path], Path]] = {
    "piqa": write_piqa,
    "commonsense-qa": write_csqa,
    "inaturalist": write_inat,
    "places365": write_places_by_list,
}
