"""Contract of every task in the catalogue, run over all of them: a new entry is tested for free."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest

from atlas.tasks import SPLITS, TASKS, Record, Task
from atlas.tasks.published.vqacl import VQACL
from atlas.tasks.published.xtail import XTAIL
from atlas.tasks.twins.instructions import INSTRUCTION_TWINS

FIRST = 64
TRIED = {
    "xtail-mnist-twin",
    "vqacl-color-twin",
    "coin-grounding-twin",
}  # of the tasks that one reader makes; the others differ in a list alone
ALIKE = {*(f"{name}-twin" for name in (*XTAIL, *VQACL)), *INSTRUCTION_TWINS} - TRIED
NAMES = sorted(name for name, task in TASKS.items() if task.layout is None and name not in ALIKE)


@pytest.fixture(scope="module", params=NAMES)
def task(request: pytest.FixtureRequest) -> Task:
    return TASKS[request.param]


@pytest.fixture(scope="module")
def records(task: Task) -> dict[str, list[Record]]:
    return {split: list(task.read(split, None)) for split in SPLITS}


def content(found: Iterable[Record]) -> list[tuple[object, ...]]:
    return [(r.id, tuple(p.name for p in r.pictures), r.texts, r.label, r.references) for r in found]


def digest(task: Task) -> str:
    """One digest of the first records of all splits."""
    firsts = [content(itertools.islice(task.read(split, None), FIRST)) for split in SPLITS]
    return hashlib.sha256(repr(firsts).encode()).hexdigest()


def right(record: Record) -> object:
    """The class, or the first text, that is right."""
    return record.references[0] if record.references else record.label


def test_the_catalogue_names_each_task_by_its_own_name() -> None:
    assert all(task.name == name for name, task in TASKS.items())


def test_the_declaration_is_whole(task: Task) -> None:
    if task.has_references:
        assert (task.classes, task.answers, task.choices) == (0, (), 1)
    else:
        assert task.classes >= 2
        assert bool(task.answers) != (task.choices > 1)
    assert len(set(task.answers)) == len(task.answers)
    assert task.title
    assert task.licence
    assert task.about
    assert task.version >= 1
    assert task.sources(None)


def test_every_class_has_a_word_that_readouts_can_write(task: Task) -> None:
    assert all(answer.strip() == answer != "" for answer in task.answers)


def test_chance_is_that_of_guessing(task: Task) -> None:
    expected = 0.0 if task.score == "soft" or task.has_references else 100 / task.classes
    assert task.chance == pytest.approx(expected)


def test_records_have_the_declared_shape(task: Task, records: dict[str, list[Record]]) -> None:
    images = 0 if task.modality == "language" else task.images
    for record in itertools.chain(*records.values()):
        assert len(record.texts) == task.choices
        assert all(record.texts)
        assert len(record.pictures) == images


def test_labels_are_in_range(task: Task, records: dict[str, list[Record]]) -> None:
    for record in itertools.chain(*records.values()):
        pairs = ((record.label, 1.0),) if isinstance(record.label, int) else record.label
        assert isinstance(record.label, int) == (task.score == "accuracy")
        assert bool(record.references) == task.has_references
        assert all(0 <= label < task.classes and 0 <= score <= 1 for label, score in pairs)


def test_every_label_occurs_and_the_first_records_are_mixed(task: Task, records: dict[str, list[Record]]) -> None:
    if task.score == "soft":
        pytest.skip("soft labels are not single")
    if not task.has_references:
        assert {record.label for record in records["train"]} == set(range(task.classes))
    for split in SPLITS:
        assert len({right(record) for record in records[split][:FIRST]}) > 1


def test_no_class_rules_the_split(task: Task, records: dict[str, list[Record]]) -> None:
    if task.score == "soft":
        pytest.skip("soft labels are not single")
    for split in SPLITS:
        counts = Counter(map(right, records[split]))
        assert max(counts.values()) / counts.total() < 0.6


def test_ids_are_unique_and_no_split_shares_them(records: dict[str, list[Record]]) -> None:
    ids = [record.id for record in itertools.chain(*records.values())]
    assert len(set(ids)) == len(ids)


def test_no_picture_is_in_two_splits(records: dict[str, list[Record]]) -> None:
    names = {split: {p.name for r in found for p in r.pictures} for split, found in records.items()}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not names[one] & names[other]


def test_no_text_only_record_is_in_two_splits(task: Task, records: dict[str, list[Record]]) -> None:
    if task.modality != "language":
        pytest.skip("the picture tells the records apart")
    texts = {split: {record.texts for record in found} for split, found in records.items()}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not texts[one] & texts[other]


def test_pictures_open_the_same_each_time(records: dict[str, list[Record]]) -> None:
    for found in records.values():
        for picture in found[0].pictures:
            with picture.open() as once, picture.open() as again:
                assert once.convert("RGB").tobytes() == again.convert("RGB").tobytes()


def test_reading_twice_gives_the_same(task: Task, records: dict[str, list[Record]]) -> None:
    for split in SPLITS:
        assert content(task.read(split, None)) == content(records[split])


@pytest.fixture(scope="module")
def digests_elsewhere() -> dict[str, str]:
    """Task → digest, in another process with another hash seed."""
    code = "import json; from atlas.tasks import TASKS; from tests.contracts.test_task import NAMES, digest; "
    code += "print(json.dumps({name: digest(TASKS[name]) for name in NAMES}))"
    environment = os.environ | {"PYTHONHASHSEED": "123", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_another_process_reads_the_same_whatever_its_hash_seed(task: Task, digests_elsewhere: dict[str, str]) -> None:
    assert digests_elsewhere[task.name] == digest(task)


def test_the_task_travels_to_another_process(task: Task) -> None:
    assert digest(pickle.loads(pickle.dumps(task))) == digest(task)


def test_an_unknown_split_is_refused(task: Task) -> None:
    with pytest.raises(ValueError, match="valid"):
        next(task.read("valid", None))
