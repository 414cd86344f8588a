"""Small sources of SNLI-VE, VQA v2, VCR and NLVR2 in their published formats, field by field, with drawn images."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from atlas.tasks import Record
from atlas.tasks.sample import Broken
from atlas.tasks.task import Task

LABELS = ("entailment", "neutral", "contradiction")
ANSWERS = ("2", "no", "yes")
IMAGES = {"train": 60, "dev": 4, "val": 4, "test": 4, "test1": 4}
SIZE = (40, 30)
Row = dict[str, Any]


def draw(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, (shade % 256, 90, 30)).save(path)


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def change_line(path: Path, number: int, change: Callable[[Row], object]) -> None:
    """Change the object of one line, which are counted from 1."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(rows[number - 1])
    write_lines(path, rows)


def change_json(path: Path, change: Callable[[Any], object]) -> None:
    """Change what a JSON file holds."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def read(task: Task, split: str, source: Path) -> tuple[list[Record], list[Broken]]:
    """The whole records of a split, and the broken ones."""
    found = list(task.read(split, source))
    whole = [one for one in found if isinstance(one, Record)]
    return whole, [one for one in found if isinstance(one, Broken)]


def sentence_rows(part: str) -> list[Row]:
    """Three pairs an image, as the authors' later release writes them."""
    start = list(IMAGES).index(part) * 1000 + 1000
    return [
        {
            "Flickr30K_ID": str(start + i),
            "annotator_labels": [label],
            "captionID": f"{start + i}.jpg#0",
            "gold_label": label,
            "pairID": f"{start + i}.jpg#0r1{label[0]}",
            "sentence1": "A photo.",
            "sentence2": f"Sentence {j} of photo {i} in a café.",
        }
        for i in range(4)
        for j, label in enumerate(LABELS)
    ]


def write_snli_ve(folder: Path) -> Path:
    """The authors' later release: `Flickr30K_ID`, without suffix."""
    for part in ("train", "dev", "test"):
        rows = sentence_rows(part)
        write_lines(folder / f"snli_ve_{part}.jsonl", rows)
        for i, row in enumerate(rows):
            draw(folder / "flickr30k_images" / f"{row['Flickr30K_ID']}.jpg", i)
    return folder


def write_snli_ve_first(folder: Path) -> Path:
    """The authors' first release: `Flikr30kID`, with `.jpg`."""
    write_snli_ve(folder)
    for part in ("train", "dev", "test"):
        rows = sentence_rows(part)
        for row in rows:
            row["Flikr30kID"] = f"{row.pop('Flickr30K_ID')}.jpg"
        write_lines(folder / f"snli_ve_{part}.jsonl", rows)
    return folder


def write_snli_ve_csv(folder: Path) -> Path:
    """e-SNLI-VE: CSV with `Flickr30kID`, `hypothesis` and explanations, some over two lines."""
    write_snli_ve(folder)
    for part in ("train", "dev", "test"):
        (folder / f"snli_ve_{part}.jsonl").unlink()
        with (folder / f"esnlive_{part}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("", "pairID", "Flickr30kID", "hypothesis", "gold_label", "explanation"))
            for i, row in enumerate(sentence_rows(part)):
                fields = (row["pairID"], f"{row['Flickr30K_ID']}.jpg", row["sentence2"], row["gold_label"])
                writer.writerow((i, *fields, 'He said "so",\nand it is.'))
    return folder


def write_vqa(folder: Path) -> Path:
    """Questions and annotations in different orders; two questions an image, whose commonest answers take turns."""
    for part in ("train", "val"):
        first = 1 if part == "train" else 100_001
        images = range(first, first + IMAGES[part])
        questions, annotations = [], []
        for image in images:
            draw(folder / f"{part}2014" / f"COCO_{part}2014_{image:012d}.jpg", image)
            for j in range(2):
                number = image * 1000 + j
                answer = ANSWERS[(image + j) % 3]
                people = [answer] * 7 + ["no"] * 2 + ["maybe"]
                questions.append({"image_id": image, "question": f"What is {j} in {image}?", "question_id": number})
                annotations.append(
                    {
                        "question_type": "what is",
                        "multiple_choice_answer": answer,
                        "answers": [
                            {"answer": one, "answer_confidence": "yes", "answer_id": i + 1}
                            for i, one in enumerate(people)
                        ],
                        "image_id": image,
                        "answer_type": "other",
                        "question_id": number,
                    }
                )
        head = {"info": {"version": "2.0"}, "data_type": "mscoco", "data_subtype": f"{part}2014"}
        paths = [folder / name.format(part) for name in VQA_FILES]
        paths[0].write_text(json.dumps(head | {"task_type": "Open-Ended", "questions": questions[::-1]}))
        paths[1].write_text(json.dumps(head | {"annotations": annotations}))
    return folder


VQA_FILES = ("v2_OpenEnded_mscoco_{}2014_questions.json", "v2_mscoco_{}2014_annotations.json")


def pair_rows(part: str) -> list[Row]:
    """Two sentences a pair of images, in a directory named by a number for the training part."""
    rows: list[Row] = []
    for i in range(4):
        for j, label in enumerate(("True", "False")):
            row = {
                "validation": {"17": label},
                "sentence": f"Photo {j} of pair {i} shows a dog.",
                "left_url": "http://example.org/left.png",
                "writer": "7",
                "label": label,
                "synset": "dog",
                "right_url": "http://example.org/right.png",
                "identifier": f"{part}-{i}-1-{j}",
                "query": "dog10",
            }
            rows.append(row | {"directory": 50 + i} if part == "train" else row)
    return rows


def write_nlvr2(folder: Path, *, numbered: bool = False) -> Path:
    """The training images in one folder, or in numbered ones."""
    for part in ("train", "dev", "test1"):
        rows = pair_rows(part)
        write_lines(folder / f"{part}.json", rows)
        for i, row in enumerate(rows):
            stem = row["identifier"].rpartition("-")[0]
            home = folder / part / str(row["directory"]) if numbered and "directory" in row else folder / part
            for side in (0, 1):
                draw(home / f"{stem}-img{side}.png", 2 * i + side)
    return folder


def write_nlvr2_numbered(folder: Path) -> Path:
    return write_nlvr2(folder, numbered=True)


def still_row(part: str, number: int) -> Row:
    name = f"lsmdc_{part}_FILM/{part}_{number}@0"
    return {
        "movie": f"{part}_FILM",
        "objects": ["person", "person", "bottle", "person"],
        "interesting_scores": [0],
        "img_fn": f"{name}.jpg",
        "metadata_fn": f"{name}.json",
        "question": ["Why", "is", [0], "pointing", "at", [1, 2], "?"],
        "answer_choices": [
            [[0], "is", "thirsty", "."],
            [[3], "is", "late", "."],
            ["Nobody", "knows", str(number), "."],
            [[1], "likes", [2], "."],
        ],
        "answer_label": number % 4,
        "rationale_choices": [["It", "is", "so", "."]] * 4,
        "rationale_label": 0,
        "img_id": f"{part}-{number}",
        "question_number": 0,
        "annot_id": f"{part}-{number}",
    }


def write_vcr(folder: Path) -> Path:
    """One question a still, with four objects and their boxes, the last one partly outside."""
    for part in ("train", "val"):
        rows = [still_row(part, i) for i in range(IMAGES[part])]
        write_lines(folder / f"{part}.jsonl", rows)
        for i, row in enumerate(rows):
            draw(folder / "vcr1images" / row["img_fn"], i)
            boxes = [[2, 2, 12, 20, 0.99], [14, 3, 20, 22, 0.98], [22.5, 10, 26.5, 18, 0.9], [30, 5, 60, 44, 0.8]]
            facts = {"boxes": boxes, "segms": [[]] * 4, "names": row["objects"], "width": SIZE[0], "height": SIZE[1]}
            (folder / "vcr1images" / row["metadata_fn"]).write_text(json.dumps(facts))
    return folder


RAW: dict[str, Callable[[Path], Path]] = {
    "snli-ve": write_snli_ve,
    "vqa": write_vqa,
    "vcr": write_vcr,
    "vcr-marked": write_vcr,
    "nlvr2": write_nlvr2,
}
