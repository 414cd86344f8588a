from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

import atlas.data.shard as shard
from atlas.backbones.processor import Processor
from atlas.data.loader import Split, open_split, permutation
from atlas.data.prepare import prepare
from atlas.runtime.errors import AtlasError
from atlas.tasks import SPLITS, Task
from tests.backbones.toys import CHOICES, PAIRS, SHADES, SIZE


def open_train(task: Task, root: Path, processor: Processor, limit: int | None = None) -> Split:
    return open_split(prepare(task, processor=processor, root=root).path, "train", limit)


@pytest.mark.parametrize(
    ("task", "images", "choices"), [(SHADES, 1, 1), (CHOICES, 1, 4), (PAIRS, 2, 1)], ids=lambda x: str(x)[:10]
)
def test_batches_have_the_declared_shapes(
    task: Task, images: int, choices: int, tmp_path: Path, processor: Processor
) -> None:
    split = open_train(task, tmp_path, processor)
    batch = split.batch(torch.tensor([3, 0, 24, 3]))
    assert len(batch) == 4
    assert batch.pixels.shape == (4, images, 3, SIZE, SIZE)
    assert batch.pixels.dtype == torch.uint8
    assert batch.tokens.shape == batch.mask.shape == (4, choices, split.text_tokens)
    assert (batch.tokens.dtype, batch.mask.dtype) == (torch.int64, torch.bool)


@pytest.mark.parametrize("task", [SHADES, CHOICES, PAIRS], ids=lambda task: task.name)
@pytest.mark.parametrize("chunk", [3, 4096])
def test_a_batch_is_what_encoding_each_record_gives(
    task: Task, chunk: int, tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", chunk)
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", chunk)
    root = prepare(task, processor=processor, root=tmp_path).path
    for name in SPLITS:
        records, split = list(task.read(name, None)), open_split(root, name)
        order = permutation(len(split), 1, 0)
        batch = split.batch(order)
        assert len(split) == len(records)
        assert split.ids(order) == [records[i].id for i in order.tolist()]
        for row, i in enumerate(order.tolist()):
            record = records[i]
            pictures = [processor.pixels(one.open()) for one in record.pictures] or [processor.blank()]
            for image, expected in zip(batch.pixels[row], pictures, strict=True):
                assert torch.equal(image, torch.from_numpy(expected))
            expected_tokens = [processor.tokens(text).tolist()[: split.text_tokens] for text in record.texts]
            assert batch.tokens[row].tolist() == expected_tokens
            assert batch.mask[row].tolist() == [[t != processor.pad_id for t in line] for line in expected_tokens]
            if isinstance(record.label, int):
                assert batch.targets[row] == record.label
            else:
                soft = [dict(record.label).get(c, 0.0) for c in range(task.classes)]
                assert batch.targets[row].tolist() == pytest.approx(soft)


def test_the_targets_are_those_of_all_records(tmp_path: Path, processor: Processor) -> None:
    split = open_train(SHADES, tmp_path, processor)
    assert split.targets.tolist() == [number % 3 for number in range(25)]
    assert split.targets.dtype == torch.int64
    assert open_train(PAIRS, tmp_path, processor).targets.dtype == torch.float32


def test_a_limit_takes_the_first_records(tmp_path: Path, processor: Processor) -> None:
    split = open_train(SHADES, tmp_path, processor, limit=10)
    assert len(split) == len(split.targets) == 10
    assert len(open_train(SHADES, tmp_path, processor, limit=1000)) == 25
    with pytest.raises(AtlasError, match="asked of 10"):
        split.batch(torch.tensor([10]))


def test_a_record_that_names_a_picture_that_is_not_there_is_told_by_its_name(
    tmp_path: Path, processor: Processor
) -> None:
    split = open_train(SHADES, tmp_path, processor)
    (name,) = split.ids(torch.tensor([3]))
    split.pictures.parts = [part.copy() for part in split.pictures.parts]
    split.pictures.parts[0][3] = 10**6
    with pytest.raises(AtlasError, match=f"the record '{name}' names a picture that is not among the .* Remove the"):
        split.batch(torch.tensor([2, 3]))
    assert len(split.batch(torch.tensor([2]))) == 1


def test_a_batch_can_be_changed_without_touching_the_data(tmp_path: Path, processor: Processor) -> None:
    split = open_train(SHADES, tmp_path, processor)
    first = split.batch(torch.tensor([0]))
    before = first.pixels.clone()
    first.pixels.zero_()
    assert torch.equal(split.batch(torch.tensor([0])).pixels, before)


def test_a_split_pickles_as_its_path(tmp_path: Path, processor: Processor) -> None:
    split = open_train(SHADES, tmp_path, processor, limit=7)
    message = pickle.dumps(split)
    again = pickle.loads(message)
    assert len(message) < 1000
    assert len(again) == 7
    assert torch.equal(again.batch(torch.arange(7)).tokens, split.batch(torch.arange(7)).tokens)


def test_a_split_reads_from_a_folder_without_write_permission(tmp_path: Path, processor: Processor) -> None:
    path = prepare(SHADES, processor=processor, root=tmp_path).path
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    try:
        assert len(open_split(path, "test").batch(torch.arange(7))) == 7
    finally:
        path.chmod(0o755)


def test_an_empty_batch_has_no_records(tmp_path: Path, processor: Processor) -> None:
    batch = open_train(SHADES, tmp_path, processor).batch(torch.empty(0, dtype=torch.int64))
    assert len(batch) == 0
    assert batch.pixels.shape == (0, 1, 3, SIZE, SIZE)


def test_a_batch_moves_as_a_whole(tmp_path: Path, processor: Processor) -> None:
    moved = open_train(SHADES, tmp_path, processor).batch(torch.arange(3)).to("meta")
    assert {value.device.type for value in vars(moved).values() if value is not None} == {"meta"}


@pytest.mark.parametrize("wrong", [[-1], [25], [0, 99]])
def test_records_out_of_range_are_refused(tmp_path: Path, processor: Processor, wrong: list[int]) -> None:
    with pytest.raises(AtlasError, match="asked of 25"):
        open_train(SHADES, tmp_path, processor).batch(torch.tensor(wrong))


def test_bad_requests_are_refused(tmp_path: Path, processor: Processor) -> None:
    path = prepare(SHADES, processor=processor, root=tmp_path).path
    with pytest.raises(AtlasError, match="Did you mean 'val'"):
        open_split(path, "valid")
    with pytest.raises(AtlasError, match="at least 1"):
        open_split(path, "val", 0)
    with pytest.raises(AtlasError, match="no whole prepared data"):
        open_split(tmp_path, "val")


def test_a_file_of_another_kind_is_refused(tmp_path: Path, processor: Processor) -> None:
    path = prepare(SHADES, processor=processor, root=tmp_path).path
    size = (path / "val.arrow").stat().st_size
    (path / "val.arrow").write_bytes(b"x" * size)
    with pytest.raises(AtlasError, match="cannot map"):
        open_split(path, "val")


def test_a_permutation_holds_every_number_once() -> None:
    assert sorted(permutation(100, 3, 2).tolist()) == list(range(100))
    assert len(permutation(0, 0, 0)) == 0


def test_a_permutation_depends_on_seed_and_epoch_alone() -> None:
    torch.manual_seed(1)
    first = permutation(50, 7, 0)
    torch.manual_seed(2)
    assert torch.equal(permutation(50, 7, 0), first)
    assert not torch.equal(permutation(50, 7, 1), first)
    assert not torch.equal(permutation(50, 8, 0), first)


def test_a_permutation_leaves_the_running_generator_alone() -> None:
    before = torch.get_rng_state()
    permutation(50, 7, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_permutation_is_the_same_on_every_machine() -> None:
    assert permutation(10, 0, 0).tolist() == [7, 2, 0, 1, 8, 9, 3, 6, 5, 4]
