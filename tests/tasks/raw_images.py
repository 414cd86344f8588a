"""A few records of each data set of MTIL, VQACL, instructions and captions, in their published layouts, by twins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from atlas.tasks.twins.captions import CAPTION_TWINS, CaptionTwin
from atlas.tasks.twins.instructions import INSTRUCTION_TWINS, InstructionTwin
from atlas.tasks.twins.mtil import IMAGE_TWINS, ImageTwin
from atlas.tasks.twins.twin import Sizes
from atlas.tasks.twins.vqacl import VQACL_TWINS, QuestionTwin

FEW = Sizes(train=24, val=6, test=12, seed=3)
FEW_QUESTIONS = Sizes(train=60, val=6, test=12, seed=3)  # an answer is a class where it is that of nine questions


def writer(twin: ImageTwin | QuestionTwin | InstructionTwin | CaptionTwin, sizes: Sizes) -> Callable[[Path], Path]:
    """(folder) -> the folder, filled."""

    def write(folder: Path) -> Path:
        twin.write_raw(folder, sizes)
        return folder

    return write


RAW = {twin.dataset.task: writer(twin, FEW) for twin in IMAGE_TWINS.values()}
RAW |= {"xtail-dtd": RAW["dtd"], "xtail-mnist": RAW["mnist"]}
RAW |= {"vqacl-judge": writer(VQACL_TWINS["vqacl-judge-twin"], FEW_QUESTIONS)}
RAW |= {
    name: writer(INSTRUCTION_TWINS[f"{name}-twin"], FEW) for name in ("coin-vqav2", "ucit-flickr30k", "trigap-docvqa")
}
RAW |= {twin.sister: writer(twin, FEW) for twin in CAPTION_TWINS.values()}
IMAGE_SETS = tuple(sorted(twin.dataset.task for twin in IMAGE_TWINS.values()))
