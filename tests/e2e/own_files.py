"""A user's own task, learner and sweep in a folder, and modules beside them that they import when they are called."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.commands import ROOT

LEARNER = (ROOT / "docs" / "own_learner.py").read_text()
BESIDE = {
    "own_penalty.py": "def of(strength):\n    import own_late\n    return strength * own_late.FACTOR\n",
    "own_late.py": "FACTOR = 2.0\n",
    "own_pictures.py": """
from functools import partial
from PIL import Image
from atlas.tasks import Picture

def paint(number):
    import own_late
    return Image.new("RGB", (8, 8), (int(100 * own_late.FACTOR), number, 0))

def picture_of(number):
    return Picture(name=f"{number}.png", open=partial(paint, number))
""",
    "task.py": """
import own_pictures
from atlas.tasks import SPLITS, Record, Task

def read(split, source):
    for number in range(8):
        picture = own_pictures.picture_of(8 * SPLITS.index(split) + number)
        yield Record(id=f"{split}-{number}", pictures=(picture,), texts=("is it odd?",), label=number % 2)

TASK = Task(
    name="own-odd", title="Odd", modality="vision-language", answers=("no", "yes"), chance=50.0, licence="my own",
    about="Is it odd?", version=1, read=read, sources=lambda source: {"made": "1"},
)
""",
    "learner.py": "import own_penalty\n"
    + LEARNER.replace("Spring(context, self.strength)", "Spring(context, own_penalty.of(self.strength))"),
    "sweep.py": """
import own_words
from atlas.sweep import Sweep, main

main(Sweep(name="own", question=own_words.QUESTION, trials=1))
""",
    "own_words.py": "QUESTION = 'What is learnt where its files are not?'\n",
}


def write_own_files(folder: Path) -> Path:
    """Write them; returns the folder."""
    folder.mkdir()
    for name, text in BESIDE.items():
        (folder / name).write_text(text)
    return folder
