"""Each twin of a data set of pictures, written as its sister is published, is read by her as the twin's records."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import Counter
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import SPLITS, TASKS, Record, Task
from atlas.tasks.offline.words import word_list
from atlas.tasks.twins.mtil import IMAGE_TWINS, ImageTwin
from atlas.tasks.twins.twin import Sizes
from tests.tasks.raw_images import FEW
from tests.tasks.twins.probes import scene

GOLDEN = "f1ad183388b2ebbd"  # of the first records of all, and their scenes
VARIED = ("aircraft-twin", "flowers102-twin", "mnist-twin")  # of which the ways to name pictures differ


@pytest.fixture(scope="module", params=sorted(IMAGE_TWINS))
def twin(request: pytest.FixtureRequest) -> ImageTwin:
    return IMAGE_TWINS[request.param]


@pytest.fixture(scope="module")
def source(twin: ImageTwin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(twin.task)
    twin.write_raw(folder, FEW)
    return folder


def read(task: Task, split: str, source: Path | None) -> dict[str, Record]:
    found = list(task.read(split, source))
    records = {one.id: one for one in found if isinstance(one, Record)}
    assert len(records) == len(found)
    return records


def some(task: Task, split: str, count: int) -> list[Record]:
    return list(itertools.islice(task.read(split, None), count))  # type: ignore[arg-type]


def text_of(records: list[Record]) -> str:
    return "\n".join(f"{r.id} {r.label} {scene(r.pictures[0]).digest()}" for r in records)


def test_the_catalogue_has_every_twin_and_its_sister() -> None:
    for name, twin in IMAGE_TWINS.items():
        assert TASKS[name].name == name == f"{twin.dataset.task}-twin"
        assert TASKS[twin.dataset.task].templates
        assert TASKS[name].templates


def test_the_sister_is_declared_alike(twin: ImageTwin, source: Path) -> None:
    ours, theirs = twin.make(FEW), TASKS[twin.dataset.task].at(source)
    same = ("modality", "answers", "choices", "images", "score", "chance", "role")
    assert [getattr(ours, field) for field in same] == [getattr(theirs, field) for field in same]


@pytest.mark.parametrize("split", SPLITS)
def test_the_sister_reads_the_same_records_and_pixels(twin: ImageTwin, source: Path, split: str) -> None:
    ours, theirs = read(twin.make(FEW), split, None), read(TASKS[twin.dataset.task].at(source), split, source)
    assert ours.keys() == theirs.keys()
    for key, record in ours.items():
        assert dataclasses.replace(theirs[key], pictures=()) == dataclasses.replace(record, pictures=())
    for record in list(ours.values())[:4]:
        (mine,), (written,) = record.pictures, theirs[record.id].pictures
        assert mine.name == written.name
        assert mine.open().tobytes() == written.open().tobytes()


def test_the_records_are_the_same_on_every_machine() -> None:
    firsts = (text_of(some(TASKS[name], split, 6)) for name in sorted(IMAGE_TWINS) for split in SPLITS)
    assert hashlib.sha256("\n".join(firsts).encode()).hexdigest()[:16] == GOLDEN


@pytest.mark.parametrize("name", VARIED)
def test_any_size_is_met_exactly_and_a_larger_twin_begins_like_the_smaller(name: str) -> None:
    small, large = (IMAGE_TWINS[name].make(Sizes(train=train, val=3, test=7)) for train in (1, 41))
    assert [len(list(small.read(split, None))) for split in SPLITS] == [1, 3, 7]
    if name != "flowers102-twin":  # whose pictures are numbered through all splits
        assert text_of(some(large, "test", 7)) == text_of(some(small, "test", 7))
        assert text_of(some(large, "train", 1)) == text_of(some(small, "train", 1))


def test_another_seed_gives_other_pictures_and_another_source(twin: ImageTwin) -> None:
    one, other = twin.make(FEW), twin.make(dataclasses.replace(FEW, seed=4))
    assert text_of(some(one, "train", 8)) != text_of(some(other, "train", 8))
    assert one.sources(None) != other.sources(None)


def test_labels_are_balanced_and_names_are_of_words_that_the_shipped_backbones_know(twin: ImageTwin) -> None:
    counts = Counter(record.label for record in some(twin.make(FEW), "train", FEW.train))
    assert max(counts.values()) - min(counts.values()) <= 1
    if twin.dataset.task != "mnist":
        assert {word for name in twin.look.names for word in name.split()} <= set(word_list())


def test_the_twins_differ_as_domains_do() -> None:
    names = [frozenset(twin.look.names) for twin in IMAGE_TWINS.values()]
    assert len(set(names)) == len(names)


def test_an_empty_split_is_refused(twin: ImageTwin) -> None:
    with pytest.raises(AtlasError, match=f"{twin.task} needs at least 1 record a split, got val=0"):
        twin.make(Sizes(val=0))
