"""Contract of every task that is read from published files, run on small sources in those formats."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import SPLITS, TASKS, Record, Task
from atlas.tasks.published.coin import COIN
from atlas.tasks.published.mllm_cl import MLLM_CL
from atlas.tasks.published.trigap import TRIGAP
from atlas.tasks.published.ucit import UCIT
from atlas.tasks.published.vqacl import VQACL
from atlas.tasks.published.xtail import XTAIL
from atlas.tasks.sample import Broken
from tests.tasks import raw_images, raw_unimodal, raw_vision_language

ALIKE = {*XTAIL, *VQACL, *COIN, *UCIT, *MLLM_CL, *TRIGAP}  # tasks of one reader, of which some are tried here
RAW = raw_vision_language.RAW | raw_unimodal.RAW | raw_images.RAW
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.fixture(scope="module", params=sorted(RAW))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def source(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RAW[name](tmp_path_factory.mktemp(name))


@pytest.fixture(scope="module")
def task(name: str, source: Path) -> Task:
    return TASKS[name].at(source)


@pytest.fixture(scope="module")
def records(task: Task, source: Path) -> dict[str, list[Record | Broken]]:
    return {split: list(task.read(split, source)) for split in SPLITS}


def whole(records: dict[str, list[Record | Broken]]) -> list[Record]:
    return [one for one in itertools.chain(*records.values()) if isinstance(one, Record)]


@pytest.fixture
def fresh(name: str, tmp_path: Path) -> Path:
    """A source of its own, to be spoilt."""
    return RAW[name](tmp_path)


def file_of(source: Path, record: Record) -> Path:
    """The file of a record's first picture; a data set whose pictures lie together in one has none."""
    name = record.pictures[0].name.partition("#")[0]
    path = next(source.rglob(name), next(source.rglob(Path(name).name), None))
    if path is None:
        pytest.skip("its pictures lie together in one file")
    return path


def content(found: list[Record | Broken]) -> list[object]:
    return [
        (r.id, [p.name for p in r.pictures], r.texts, r.label, r.references) if isinstance(r, Record) else r
        for r in found
    ]


def test_every_record_of_a_sound_source_is_read(records: dict[str, list[Record | Broken]]) -> None:
    assert all(isinstance(one, Record) for one in itertools.chain(*records.values()))
    assert all(records.values())


def test_records_have_the_declared_shape_and_labels(task: Task, records: dict[str, list[Record | Broken]]) -> None:
    for record in whole(records):
        assert len(record.texts) == task.choices
        assert all(record.texts)
        assert len(record.pictures) == (0 if task.modality == "language" else task.images)
        pairs = ((record.label, 1.0),) if isinstance(record.label, int) else record.label
        assert isinstance(record.label, int) == (task.score == "accuracy")
        assert bool(record.references) == task.has_references
        assert all(0 <= label < task.classes and 0 <= score <= 1 for label, score in pairs)


def test_every_record_tells_where_it_stands(records: dict[str, list[Record | Broken]], source: Path) -> None:
    for record in itertools.chain(*records.values()):
        assert next(source.rglob(record.where.partition(":")[0])).is_file()


def test_how_the_splits_came_about_is_told(task: Task) -> None:
    assert "test" in task.split_note
    assert "val" in task.split_note


def test_every_class_occurs_in_train(task: Task, records: dict[str, list[Record | Broken]]) -> None:
    labels = [one.label for one in records["train"] if isinstance(one, Record)]
    seen = {pair[0] for label in labels for pair in ([(label, 1)] if isinstance(label, int) else label)}
    assert seen == set(range(task.classes))


def test_chance_is_that_of_guessing(task: Task) -> None:
    assert task.chance == pytest.approx(0.0 if task.score == "soft" or task.has_references else 100 / task.classes)


def test_ids_are_unique_and_no_picture_is_in_two_splits(records: dict[str, list[Record | Broken]]) -> None:
    ids = [record.id for record in whole(records)]
    assert len(set(ids)) == len(ids)
    names = [
        {p.name.partition("#")[0] for r in found if isinstance(r, Record) for p in r.pictures}
        for found in records.values()
    ]
    for one, other in itertools.combinations(names, 2):
        assert not one & other


def test_a_picture_of_one_name_is_always_the_same(records: dict[str, list[Record | Broken]]) -> None:
    seen: dict[str, bytes] = {}
    for record in whole(records):
        for picture in record.pictures:
            with pickle.loads(pickle.dumps(picture)).open() as image:
                pixels = image.convert("RGB").tobytes()
            assert seen.setdefault(picture.name, pixels) == pixels


def test_reading_twice_gives_the_same_in_another_process_too(
    task: Task, source: Path, records: dict[str, list[Record | Broken]]
) -> None:
    copy = pickle.loads(pickle.dumps(task))
    for split in SPLITS:
        assert content(list(copy.read(split, source))) == content(records[split])


def test_an_unknown_split_is_refused(task: Task, source: Path) -> None:
    with pytest.raises(AtlasError, match="'valid'.*Did you mean 'val'"):
        next(task.read("valid", source))


def test_without_a_source_it_says_what_is_needed(name: str) -> None:
    with pytest.raises(AtlasError, match="needs its published files. Get .*https://"):
        TASKS[name].at(None)
    with pytest.raises(AtlasError, match="name the folder"):
        next(TASKS[name].read("train", None))
    with pytest.raises(AtlasError, match="name the folder"):
        TASKS[name].sources(None)


def test_every_published_task_is_tried_here() -> None:
    assert set(RAW) | ALIKE == {name for name, task in TASKS.items() if task.layout is not None}


def test_a_missing_file_is_told_before_anything_is_read(task: Task, fresh: Path) -> None:
    assert task.layout
    needed = {Path(path).name for need in task.layout.needs for path in need.paths}
    gone = next((name for name in sorted(task.sources(fresh)) if name in needed), None)
    if gone is None:
        pytest.skip("its folder of pictures is all that it needs")
    next(fresh.rglob(gone)).unlink()
    with pytest.raises(AtlasError, match=f"files (is|are) missing under .*{gone}"):
        task.at(fresh)
    with pytest.raises(AtlasError, match=f"files (is|are) missing under .*{gone}"):
        next(task.read("train", fresh))


@pytest.mark.parametrize(("written", "said"), [("", "empty|cannot be read"), (LFS, "Git LFS pointer")])
def test_an_empty_file_or_a_pointer_ends_the_reading(task: Task, fresh: Path, written: str, said: str) -> None:
    for file in task.sources(fresh):
        next(fresh.rglob(file)).write_text(written)
    with pytest.raises(AtlasError, match=said):
        list(task.read("test", fresh))


def test_a_missing_image_breaks_its_records_and_no_other(task: Task, fresh: Path) -> None:
    if task.modality == "language":
        pytest.skip("it has no images")
    sound = list(task.read("test", fresh))
    record = next(one for one in sound if isinstance(one, Record))
    lost = record.pictures[0].name.partition("#")[0]
    file_of(fresh, record).unlink()
    found = list(task.read("test", fresh))
    broken = [one for one in found if isinstance(one, Broken)]
    assert len(found) == len(sound)
    assert 0 < len(broken) < len(found)
    assert all(lost in one.reason and next(fresh.rglob(one.where.partition(":")[0])).is_file() for one in broken)


def test_an_image_linked_out_of_the_source_is_broken(
    task: Task, fresh: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if task.modality == "language":
        pytest.skip("it has no images")
    record = next(one for one in task.read("test", fresh) if isinstance(one, Record))
    path = file_of(fresh, record)
    outside = tmp_path_factory.mktemp("outside") / path.name
    path.rename(outside)
    path.symlink_to(outside)
    broken = [one for one in task.read("test", fresh) if isinstance(one, Broken)]
    assert broken
    assert all("link out of its folder" in one.reason for one in broken)


def test_the_sources_change_with_the_annotations(task: Task, fresh: Path) -> None:
    before = dict(task.sources(fresh))
    first = sorted(before)[0]
    path = next(fresh.rglob(first))
    path.write_bytes(path.read_bytes() + b"\n")
    after = task.sources(fresh)
    assert {name for name in before if before[name] != after[name]} == {first}


def test_its_folders_of_pictures_may_be_links(
    task: Task, fresh: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert task.layout
    before = {split: content(list(task.read(split, fresh))) for split in SPLITS}
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for number, need in enumerate(task.layout.needs):
        found = need.found(fresh)
        assert found
        if found.is_dir() and not found.is_symlink():
            found.rename(elsewhere / str(number))
            found.symlink_to(elsewhere / str(number))
    assert {split: content(list(task.at(fresh).read(split, fresh))) for split in SPLITS} == before


def test_another_picture_is_another_source(task: Task, fresh: Path) -> None:
    if task.modality == "language":
        pytest.skip("it has no images")
    assert task.layout
    before = task.layout.pictures(fresh)
    record = next(one for one in task.read("test", fresh) if isinstance(one, Record))
    path = file_of(fresh, record)
    path.with_name(f"._{path.name}").write_text("hidden")
    assert task.layout.pictures(fresh) == before
    path.write_bytes(path.read_bytes() + b"\0")
    assert task.layout.pictures(fresh) != before
