"""CoIN: eight tasks of instructions (Chen et al., 2024, arXiv:2403.08350), in the order in which they are published.

Their rules: ScienceQA, the option that a prediction names; TextVQA, soft accuracy over ten people; ImageNet, either
text in the other; GQA, exact without case and full stop; VizWiz and VQAv2, exact without case; Grounding, boxes that
overlap by more than half; OCR-VQA, exact without case, a refusal being wrong.

CoIN's evaluation of boxes leaves out the first and the last character between the brackets, and so does this task's
score (`iou-coin`; `iou` leaves nothing out). Its ImageNet takes an empty prediction for right.
"""

from __future__ import annotations

from atlas.tasks.published.instructions import Instructions, ReferenceFile, instruction_task
from atlas.tasks.reading.llava import answers_by_id, options_by_id
from atlas.tasks.task import Task

OBTAIN = (
    "Get the instructions of CoIN from https://huggingface.co/datasets/Zacks-Chen/CoIN and the images as "
    "https://github.com/zackschen/CoIN lays them out, all under one folder."
)
LICENCE = "The instructions are for research (CoIN); images and questions are under the terms of each data set"
TESTS = ("test.json", "val.json")
FILES = (
    Instructions(
        name="coin-scienceqa",
        title="ScienceQA",
        folders=("ScienceQA",),
        scored="letter",
        images=("ScienceQA",),
        references=ReferenceFile(names=("problems.json",), read=options_by_id, needed=False),
    ),
    Instructions(
        name="coin-textvqa",
        title="TextVQA",
        folders=("TextVQA",),
        scored="vqa",
        test=TESTS,
        images=("TextVQA/train_images",),
        references=ReferenceFile(names=("TextVQA_0.5.1_val.json",), read=answers_by_id),
    ),
    Instructions(
        name="coin-imagenet", title="ImageNet", folders=("ImageNet",), scored="contains-either", images=("ImageNet",)
    ),
    Instructions(name="coin-gqa", title="GQA", folders=("GQA",), scored="exact-gqa", images=("GQA/images",)),
    Instructions(
        name="coin-vizwiz",
        title="VizWiz",
        folders=("VizWiz",),
        scored="exact-upper",
        test=(*TESTS, "val_new.json"),
        images=("VizWiz",),
    ),
    Instructions(
        name="coin-grounding", title="Grounding", folders=("Grounding",), scored="iou-coin", images=("COCO2014",)
    ),
    Instructions(
        name="coin-vqav2", title="VQAv2", folders=("VQAv2",), scored="exact-upper", test=TESTS, images=("COCO2014",)
    ),
    Instructions(
        name="coin-ocrvqa",
        title="OCR-VQA",
        folders=("OCRVQA", "OCR-VQA"),
        scored="exact-answerable",
        test=("test.json", "test_1.json"),
        images=("OCR-VQA/images",),
    ),
)
COIN: dict[str, Task] = {
    one.name: instruction_task(one, benchmark="CoIN", obtain=OBTAIN, licence=LICENCE) for one in FILES
}
