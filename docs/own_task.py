"""Questions about my photos: photos.csv has the columns image, question and answer, and a record a line."""

from atlas.tasks import Layout, Record, Task, class_of, csv_lines, deal, picture, split_of

LAYOUT = Layout.of("photos.csv", obtain="Export photos.csv from the survey.")


def read(split, source):
    def record(where, row):  # what is raised here is counted, and the record is left out
        image, label = picture(source, row["image"]), class_of(row["answer"], TASK.answers)
        return Record(id=where, pictures=(image,), texts=(row["question"],), label=label)

    rows = csv_lines(source / "photos.csv", columns=["image", "question", "answer"])
    return deal(rows, key=lambda row: row["image"], record=record, mine=lambda i: split_of("photos", i) == split)


TASK = Task(
    name="photos",
    title="My photos",
    modality="vision-language",
    answers=("no", "yes"),
    chance=50.0,
    licence="my own",
    about="Is what the question names in my photo?",
    version=1,
    read=read,
    sources=LAYOUT.digests,
    layout=LAYOUT,
)
