from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import SPLITS, Broken, Record
from atlas.tasks.published.piqa import PIQA
from tests.tasks.raw_unimodal import piqa_row, write_jsonl, write_lines, write_piqa


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_piqa(tmp_path / "piqa")


def read(split: str, source: Path) -> list[Record]:
    found = list(PIQA.read(split, source))
    assert not [record for record in found if isinstance(record, Broken)]
    return [record for record in found if isinstance(record, Record)]


def broken(source: Path) -> list[tuple[str, str]]:
    found = [record for split in SPLITS for record in PIQA.read(split, source)]
    return [(record.where, record.reason) for record in found if isinstance(record, Broken)]


def test_a_record_pairs_the_goal_with_both_solutions(source: Path) -> None:
    first = read("test", source)[0]
    goal = "How do I open jar 1000?"
    assert first == Record(
        id="valid-1", pictures=(), texts=(f"{goal} [SEP] Twist lid 1000.", f"{goal} [SEP] Eat lid 1000."), label=1
    )


def test_val_is_a_part_of_the_training_file_and_test_the_published_one(source: Path) -> None:
    ids = {split: [record.id for record in read(split, source)] for split in SPLITS}
    assert ids["test"] == [f"valid-{i}" for i in range(1, 7)]
    assert 0 < len(ids["val"]) < 12
    assert sorted(ids["train"] + ids["val"]) == sorted(f"train-{i}" for i in range(1, 41))


def test_labels_are_those_of_their_lines(source: Path) -> None:
    for split in SPLITS:
        assert all(record.label == int(record.id.split("-")[1]) % 2 for record in read(split, source))


def test_records_with_one_goal_are_in_one_split(source: Path) -> None:
    goals = [f"Goal {i // 4}" if i % 2 else f" goal  {i // 4}" for i in range(80)]
    write_jsonl(source / "train.jsonl", ({**piqa_row(0), "goal": goal} for goal in goals))
    write_lines(source / "train-labels.lst", "0" * 80)
    found = {split: {" ".join(r.texts[0].lower().split()[:2]) for r in read(split, source)} for split in SPLITS}
    assert found["val"]
    assert not found["train"] & found["val"]


def test_the_names_of_the_leaderboards_archive_serve_too(source: Path) -> None:
    before = read("test", source)
    (source / "valid.jsonl").rename(source / "dev.jsonl")
    (source / "valid-labels.lst").rename(source / "dev-labels.lst")
    assert PIQA.at(source) == PIQA
    assert read("test", source) == before
    assert set(PIQA.sources(source)) == {"train.jsonl", "train-labels.lst", "dev.jsonl", "dev-labels.lst"}


def test_the_sources_are_the_digests_of_the_files(source: Path) -> None:
    before = PIQA.sources(source)
    assert {len(digest) for digest in before.values()} == {64}
    write_lines(source / "valid-labels.lst", "111111")
    changed = {name for name, digest in PIQA.sources(source).items() if digest != before[name]}
    assert changed == {"valid-labels.lst"}


def test_other_numbers_of_labels_and_records_are_refused(source: Path) -> None:
    write_lines(source / "train-labels.lst", "01" * 19)
    with pytest.raises(AtlasError, match=r"train-labels.lst has 38 labels and train.jsonl 40 records"):
        next(PIQA.read("train", source))


def test_what_cannot_be_read_is_told_once_with_its_line(source: Path) -> None:
    rows = [piqa_row(i) for i in range(40)]
    rows[3]["gaol"] = rows[3].pop("goal")
    rows[20]["goal"] = " "
    rows[5]["sol2"] = 5  # type: ignore[assignment]
    write_jsonl(source / "train.jsonl", rows)
    lines = (source / "train.jsonl").read_text().splitlines()
    lines[7], lines[9] = lines[7][:-4], "[]"
    write_lines(source / "train.jsonl", lines)
    labels = ["0"] * 40
    labels[11] = "2"
    write_lines(source / "train-labels.lst", labels)
    found = dict(broken(source))
    assert len(broken(source)) == len(found) == 6
    assert "'goal'. Did you mean 'gaol'" in found["train.jsonl:4"]
    assert "'sol2' is 5, a int" in found["train.jsonl:6"]
    assert "no JSON" in found["train.jsonl:8"]
    assert "a list, no object" in found["train.jsonl:10"]
    assert "'goal' is blank" in found["train.jsonl:21"]
    assert "unknown label '2'" in found["train.jsonl:12"]
    assert sum(1 for split in SPLITS for _ in PIQA.read(split, source)) == 46


def test_missing_files_are_named_together(source: Path) -> None:
    (source / "train.jsonl").unlink()
    (source / "valid-labels.lst").unlink()
    with pytest.raises(AtlasError) as refused:
        PIQA.at(source)
    assert "2 of 4 files are missing" in str(refused.value)
    assert "train.jsonl; valid-labels.lst or dev-labels.lst" in str(refused.value)
    assert "yonatanbisk.com" in str(refused.value)


def test_the_folder_above_is_told_from_the_folder_itself(source: Path) -> None:
    with pytest.raises(AtlasError, match=f"They are in {source}: name that folder"):
        PIQA.at(source.parent)


@pytest.mark.parametrize("name", ["train.jsonl", "valid-labels.lst"])
def test_an_empty_file_and_a_pointer_are_refused_before_anything_is_read(source: Path, name: str) -> None:
    (source / name).write_text("")
    with pytest.raises(AtlasError, match=f"{name} is empty"):
        PIQA.sources(source)
    (source / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(AtlasError, match=f"{name} is a Git LFS pointer"):
        PIQA.sources(source)


def test_an_unknown_split_and_no_source_are_refused(source: Path) -> None:
    with pytest.raises(AtlasError, match="Did you mean 'val'"):
        next(PIQA.read("valid", source))
    shutil.rmtree(source)
    with pytest.raises(AtlasError, match="not a folder"):
        PIQA.at(source)
    with pytest.raises(AtlasError, match="name the folder"):
        next(PIQA.read("train", None))
