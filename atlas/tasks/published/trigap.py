"""TriGap: ten data sets of questions about images, one after another (Xie et al., 2026, arXiv:2602.01990).

Files, order and rules are those of its authors' code (Prism; Tang et al., 2026, arXiv:2605.26110, LAMDA-CL/Prism):
instructions in `instructions/`, images by their paths in `datasets/`. Answers are scored by exact match without case,
those of DocVQA and InfographicVQA by ANLS without its threshold of a half. A training file `…_sub.json` is a part of
another, by the authors' convention: the whole one is taken where both are there.
"""

from __future__ import annotations

from atlas.tasks.published.instructions import Instructions, instruction_task
from atlas.tasks.task import Task, TextScoring

OBTAIN = (
    "Get the instructions of TriGap from https://huggingface.co/datasets/JuntaoTang/TriGap into `instructions/`, and "
    "the images of its ten data sets, as its card links them, into `datasets/`, both under one folder."
)
LICENCE = "The instructions are for research (TriGap); images and questions are under the terms of each data set"
IMAGES = "datasets/"
STANDARD, SMALL = ("train_standard_4w", "test_standard_3k"), ("train", "test_3000")
ANLS: TextScoring = "anls-trigap"
SETS: tuple[tuple[str, tuple[str, str], TextScoring], ...] = (
    ("PMCVQA", STANDARD, "exact-upper"),
    ("DocVQA", ("train_converted", "val_converted"), ANLS),
    ("ChartQA", STANDARD, "exact-upper"),
    ("IconQA", SMALL, "exact-upper"),
    ("InfographicVQA", ("infographicsVQA_train_converted", "infographicsVQA_val_converted"), ANLS),
    ("ArxivQA", ("train_4w", "test_3000"), "exact-upper"),
    ("Roadside", STANDARD, "exact-upper"),
    ("ChemVQA", STANDARD, "exact-upper"),
    ("FloodNetVQA", STANDARD, "exact-upper"),
    ("CLEVR", ("train_4w", "test_3000"), "exact-upper"),
)
FILES = tuple(
    Instructions(
        name=f"trigap-{folder.lower()}",
        title=folder,
        folders=(folder,),
        scored=scored,
        train=(f"{train}.json", f"{train}_sub.json"),
        test=(f"{test}.json",),
        image_root=IMAGES,
    )
    for folder, (train, test), scored in SETS
)
TRIGAP: dict[str, Task] = {
    one.name: instruction_task(one, benchmark="TriGap", obtain=OBTAIN, licence=LICENCE) for one in FILES
}
