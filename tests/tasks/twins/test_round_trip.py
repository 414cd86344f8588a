"""Each twin, written as its sister is published, is read by the sister's reader as the very records of the twin."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from atlas.tasks import SPLITS, TASKS, Record, Task
from atlas.tasks.twins import TWINS, Sizes

# Every answer of the question task has to be the commonest of nine training questions to be one of its classes.
SIZES = {"vqa-twin": Sizes(train=1200, val=20, test=30, seed=3)}
OTHERS = Sizes(train=120, val=20, test=30, seed=3)


@pytest.fixture(scope="module", params=sorted(TWINS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def twin(name: str) -> Task:
    return TWINS[name].make(SIZES.get(name, OTHERS))


@pytest.fixture(scope="module")
def source(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(name)
    TWINS[name].write_raw(folder, SIZES.get(name, OTHERS))
    return folder


@pytest.fixture(scope="module")
def sister(name: str, source: Path) -> Task:
    return TASKS[TWINS[name].sister].at(source)


def read(task: Task, split: str, source: Path | None) -> dict[str, Record]:
    found = list(task.read(split, source))
    records = {one.id: one for one in found if isinstance(one, Record)}
    assert len(records) == len(found)
    return records


def test_the_sister_is_declared_alike(twin: Task, sister: Task) -> None:
    same = ("modality", "answers", "choices", "images", "score", "chance", "role")
    assert [getattr(twin, field) for field in same] == [getattr(sister, field) for field in same]


@pytest.mark.parametrize("split", SPLITS)
def test_the_sister_reads_the_same_records(twin: Task, sister: Task, source: Path, split: str) -> None:
    ours, theirs = read(twin, split, None), read(sister, split, source)
    assert ours.keys() == theirs.keys()
    for key, record in ours.items():
        assert dataclasses.replace(theirs[key], pictures=()) == dataclasses.replace(record, pictures=())
        assert len(theirs[key].pictures) == len(record.pictures)


@pytest.mark.parametrize("split", SPLITS)
def test_the_sister_sees_the_same_pixels(twin: Task, sister: Task, source: Path, split: str) -> None:
    theirs = read(sister, split, source)
    for record in list(read(twin, split, None).values())[:40]:
        for ours, written in zip(record.pictures, theirs[record.id].pictures, strict=True):
            assert ours.open().convert("RGB").tobytes() == written.open().convert("RGB").tobytes()


def test_nothing_is_written_that_another_seed_would_leave_behind(name: str, tmp_path: Path) -> None:
    """Written over an older copy, the folder holds the newer records."""
    small = dataclasses.replace(OTHERS, train=20, val=5, test=5)
    for seed in (1, 2):
        TWINS[name].write_raw(tmp_path, dataclasses.replace(small, seed=seed))
    again = tmp_path / "again"
    TWINS[name].write_raw(again, dataclasses.replace(small, seed=2))
    for path in (path for path in again.rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(again)).read_bytes() == path.read_bytes()
