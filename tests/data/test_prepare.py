from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import atlas.data.shard as shard
from atlas.backbones.processor import Processor
from atlas.data.prepare import Prepared, find_prepared, prepare
from atlas.runtime.errors import AtlasError, UserError
from atlas.tasks import Record, Task
from tests.backbones.toys import CHOICES, COUNTS, PAIRS, SHADES, read_shades, saying, write_folder

# A child that prepares `shades`, says how many pictures of a split are decoded, and goes on when its stdin says so.
CHILD = """
import sys
from pathlib import Path
import atlas.data.shard as shard
from atlas.data.prepare import PrepareOptions, prepare
from atlas.backbones.processor import Processor
from tests.backbones.toys import saying

def pause(mark):
    if mark.phase == "pictures" and mark.done:
        print(mark.split, mark.done, flush=True)
        sys.stdin.readline()

print("ready", flush=True)
sys.stdin.readline()
shard.PICTURES_A_SHARD = int(sys.argv[3])
root = Path(sys.argv[2])
processor = Processor.load(Path(sys.argv[1]))
done = prepare(saying(root / "log"), processor=processor, root=root, prepare_options=PrepareOptions(progress=pause))
print(done.fingerprint, flush=True)
"""


def child(folder: Path, root: Path, pictures: int = 8192) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", CHILD, str(folder), str(root), str(pictures)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
    )
    assert process.stdout
    assert process.stdout.readline().strip() == "ready"
    return process


def say(process: subprocess.Popen[str], lines: int = 1) -> None:
    assert process.stdin
    process.stdin.write("go\n" * lines)
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def opened(root: Path) -> list[int]:
    """The pictures that were opened under this root, by whichever process."""
    return [int(line) for line in (root / "log").read_text().split()]


def visible(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "shades").iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("task", [SHADES, CHOICES, PAIRS])
def test_the_card_tells_what_the_task_and_the_data_are(task: Task, tmp_path: Path, processor: Processor) -> None:
    card = prepare(task, processor=processor, root=tmp_path).card
    for name in ("name", "title", "modality", "choices", "images", "score", "chance", "licence", "about", "outputs"):
        assert getattr(card, "task" if name == "name" else name) == getattr(task, name)
    assert card.counts == COUNTS
    assert tuple(card.answers) == task.answers
    assert (card.image_size, card.max_tokens, card.pad_id) == (8, 6, 0)
    assert card.text_tokens == (3 if task is PAIRS else 4)
    assert card.sources == {"made up": "1"}


def test_the_card_counts_labels_and_the_majority(tmp_path: Path, processor: Processor) -> None:
    card = prepare(SHADES, processor=processor, root=tmp_path).card
    assert card.balance["train"] == {"none": 9, "one": 8, "two": 8}
    assert card.majority["train"] == pytest.approx(36.0)
    assert card.pictures == {"train": 13, "val": 3, "test": 4}


def test_the_card_counts_texts_that_were_cut(tmp_path: Path) -> None:
    tight = Processor.load(write_folder(tmp_path / "tight", length=3))
    assert prepare(SHADES, processor=tight, root=tmp_path).card.truncated == COUNTS


def test_two_roots_get_the_same_bytes(tmp_path: Path, processor: Processor) -> None:
    one, other = (prepare(PAIRS, processor=processor, root=tmp_path / name) for name in ("one", "other"))
    assert one.fingerprint == other.fingerprint
    for path in one.path.iterdir():
        assert path.read_bytes() == (other.path / path.name).read_bytes()


def test_what_is_there_is_not_made_again(tmp_path: Path, processor: Processor) -> None:
    reads = []

    def read(split: str, source: Path | None) -> Iterator[Record]:
        reads.append(split)
        return read_shades(split, source)

    task = replace(SHADES, read=read)
    assert find_prepared(task, processor=processor, root=tmp_path) is None
    first = prepare(task, processor=processor, root=tmp_path)
    assert prepare(task, processor=processor, root=tmp_path) == first
    assert find_prepared(task, processor=processor, root=tmp_path) == first
    assert reads == ["train", "val", "test"]


def test_limits_take_the_first_records_into_a_folder_of_their_own(tmp_path: Path, processor: Processor) -> None:
    whole = prepare(SHADES, processor=processor, root=tmp_path)
    part = prepare(SHADES, processor=processor, root=tmp_path, limits={"train": 4, "test": 999})
    assert part.counts == {"train": 4, "val": 5, "test": 7}
    assert part.path != whole.path


def test_everything_that_decides_the_content_decides_the_folder(tmp_path: Path, processor: Processor) -> None:
    def newer(source: Path | None) -> Mapping[str, str]:
        return {"made up": "2"}

    other = Processor.load(write_folder(tmp_path / "other", size=4))
    variants = [(SHADES, processor), (replace(SHADES, version=2), processor)]
    variants += [(replace(SHADES, sources=newer), processor), (SHADES, other)]
    paths = {prepare(task, processor=one, root=tmp_path / "root").path for task, one in variants}
    assert len(paths) == 4


def test_words_about_the_task_do_not_decide_the_folder(tmp_path: Path, processor: Processor) -> None:
    one = prepare(SHADES, processor=processor, root=tmp_path)
    assert prepare(replace(SHADES, about="Other words."), processor=processor, root=tmp_path) == one


@pytest.mark.parametrize("name", ["train.arrow", "val-pictures.arrow", "card.json"])
def test_a_folder_that_lost_a_file_is_made_again(tmp_path: Path, processor: Processor, name: str) -> None:
    first = prepare(SHADES, processor=processor, root=tmp_path)
    (first.path / name).unlink()
    assert find_prepared(SHADES, processor=processor, root=tmp_path) is None
    assert prepare(SHADES, processor=processor, root=tmp_path) == first
    first.verify()


def test_a_truncated_file_is_made_again(tmp_path: Path, processor: Processor) -> None:
    first = prepare(SHADES, processor=processor, root=tmp_path)
    path = first.path / "train.arrow"
    path.write_bytes(path.read_bytes()[:-1])
    assert prepare(SHADES, processor=processor, root=tmp_path) == first
    first.verify()


def test_a_prepare_that_fails_before_its_work_leaves_nothing(tmp_path: Path, processor: Processor) -> None:
    def read(split: str, source: Path | None) -> Iterator[Record]:
        if split == "test":
            raise UserError("the test file is missing")
        return read_shades(split, source)

    with pytest.raises(AtlasError, match="test file"):
        prepare(replace(SHADES, read=read), processor=processor, root=tmp_path)
    assert [path.suffix for path in (tmp_path / "shades").iterdir()] == [".lock"]


def test_a_killed_prepare_is_continued_after_its_finished_shards(
    tmp_path: Path, folder: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", 4)
    process = child(folder, tmp_path, pictures=4)
    say(process, lines=2)
    assert [hear(process), hear(process)] == ["train 4", "train 8"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert visible(tmp_path) == []
    assert len(opened(tmp_path)) == 8
    prepared = prepare(saying(tmp_path / "log"), processor=processor, root=tmp_path)
    assert sorted(opened(tmp_path)) == [*range(13), *range(100, 103), *range(200, 204)]
    assert visible(tmp_path) == [prepared.path.name]
    assert [path.suffix for path in prepared.path.parent.glob(".*")] == [".lock"]
    undisturbed = prepare(SHADES, processor=processor, root=tmp_path / "other")
    for path in undisturbed.path.iterdir():
        assert path.read_bytes() == (prepared.path / path.name).read_bytes()


def test_a_disk_that_is_full_is_one_clear_error_and_later_it_goes_on(
    tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", 4)
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", 4)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))  # enough for a shard, too little for them joined
        with pytest.raises(AtlasError, match="cannot write under .*File too large.*Make room"):
            prepare(saying(tmp_path / "log"), processor=processor, root=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert visible(tmp_path) == []
    before = opened(tmp_path)
    prepare(saying(tmp_path / "log"), processor=processor, root=tmp_path).verify()
    assert (len(before), opened(tmp_path)) == (20, before)


def test_what_was_half_joined_is_removed(tmp_path: Path, processor: Processor) -> None:
    first = prepare(SHADES, processor=processor, root=tmp_path)
    half = first.path.parent / f".{first.path.name}.0.partial"
    first.path.rename(half)
    assert prepare(SHADES, processor=processor, root=tmp_path) == first
    assert not half.exists()


def test_of_two_processes_one_works_and_the_other_waits(tmp_path: Path, folder: Path) -> None:
    first, second = child(folder, tmp_path), child(folder, tmp_path)
    say(first)
    assert hear(first) == "train 13"
    say(second)  # finds the lock taken, or comes later and finds all done: either way it has no progress
    say(first, lines=3)
    heard = [hear(first), hear(first), hear(first)]
    assert heard[:2] == ["val 3", "test 4"]
    assert hear(second) == heard[2]
    assert first.wait() == second.wait() == 0
    first.communicate()
    second.communicate()
    Prepared.load(tmp_path / "shades" / visible(tmp_path)[0]).verify()


def test_a_missing_source_is_refused(tmp_path: Path, processor: Processor) -> None:
    with pytest.raises(AtlasError, match="not a folder"):
        prepare(SHADES, processor=processor, root=tmp_path, source=tmp_path / "nowhere")


def test_a_root_that_cannot_be_written_is_refused(tmp_path: Path, processor: Processor) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AtlasError, match="give another --storage"):
        prepare(SHADES, processor=processor, root=tmp_path / "file")


@pytest.mark.parametrize(("limits", "message"), [({"valid": 3}, "Did you mean 'val'"), ({"train": 0}, "at least 1")])
def test_bad_limits_are_refused(tmp_path: Path, processor: Processor, limits: dict[str, int], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        prepare(SHADES, processor=processor, root=tmp_path, limits=limits)


def test_an_empty_split_is_refused(tmp_path: Path, processor: Processor) -> None:
    empty = replace(SHADES, read=lambda split, source: iter(()))
    with pytest.raises(AtlasError, match="empty"):
        prepare(empty, processor=processor, root=tmp_path)
