"""Questions about your own images: photos.csv has the columns image, question and answer, one record a line."""

from atlas.tasks import Record, Task
from atlas.tasks.files import csv_lines, digest, picture
from atlas.tasks.layout import Layout, Needed
from atlas.tasks.splits import deal, split_of


def rows(source):
    return csv_lines(source / "photos.csv", columns=["image", "question", "answer"])


def answers(source):
    return tuple(sorted({row["answer"] for _, row in rows(source) if isinstance(row, dict)}))


def read(split, source):
    known = answers(source)

    def record(where, row):  # an image that is not there, or no image, is counted and left out
        image = picture(source, row["image"])
        return Record(id=where, pictures=(image,), texts=(row["question"],), label=known.index(row["answer"]))

    # by image, so that none is in two splits
    return deal(
        rows(source), key=lambda row: row["image"], record=record, mine=lambda i: split_of("photos", i) == split
    )


LAYOUT = Layout(needs=(Needed(paths=("photos.csv",)),), obtain="Export photos.csv from the survey.")
TASK = Task(
    name="photos",
    title="My photos",
    modality="vision-language",
    chance=0.0,
    licence="mine",
    version=1,
    about="What people see in my photos.",
    layout=LAYOUT,
    answers_of=answers,
    read=read,
    sources=lambda source: {"photos.csv": digest(source / "photos.csv")},
)
