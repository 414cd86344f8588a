"""MLLM-CL: five domains and four abilities, one after another (Zhao et al., 2025).

Rules: remote sensing, medicine and driving, the answer in the prediction without case; finance, exact without case; a
refusal is wrong in all of these. OCR, the answer in the prediction without case and line breaks (OCRBench compares its
hundred formulas with their case; here they are as its other texts); visual perception, without blanks and full stops as
well. Science mixes three rules by the names of its images, and mathematics and APP are judged by a paid model: here
these three are scored by containment, a figure of its own.
"""

from __future__ import annotations

from atlas.tasks.published.instructions import Instructions, instruction_task
from atlas.tasks.task import Task, TextScoring

OBTAIN = (
    "Get MLLM-CL from https://github.com/bjzhb666/MLLM-CL: a folder a domain, and two an ability, under one folder."
)
LICENCE = "Apache-2.0 (MLLM-CL's instructions); images are under the terms of each data set"
CONTAINS: TextScoring = "contains-answerable"
DOMAINS: tuple[tuple[str, str, TextScoring], ...] = (
    ("RS", "remote sensing", CONTAINS),
    ("Med", "medicine", CONTAINS),
    ("AD", "autonomous driving", CONTAINS),
    ("Sci", "science", CONTAINS),
    ("Fin", "finance", "exact-answerable"),
)
ABILITIES: tuple[tuple[str, str, TextScoring], ...] = (
    ("OCR", "reading of texts", "contains-line"),
    ("Math", "mathematics and logic", "contains-line"),
    ("VP", "visual perception", "contains-letters"),
    ("APP", "apps and their screens", "contains-line"),
)
FILES = (
    *(
        Instructions(name=f"dcl-{folder.lower()}", title=title, folders=(folder,), scored=scored)
        for folder, title, scored in DOMAINS
    ),
    *(
        Instructions(
            name=f"acl-{folder.lower()}",
            title=title,
            folders=(folder,),
            test_folders=(f"{folder}_test",),
            scored=scored,
        )
        for folder, title, scored in ABILITIES
    ),
)
MLLM_CL: dict[str, Task] = {
    one.name: instruction_task(one, benchmark="MLLM-CL", obtain=OBTAIN, licence=LICENCE) for one in FILES
}
