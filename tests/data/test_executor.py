from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import atlas.data.executor as executor
import atlas.data.shard as shard
from atlas.backbones.processor import Processor
from atlas.data.executor import Executor, ray_cluster, wants_ray
from atlas.data.options import PrepareOptions, Progress
from atlas.data.prepare import prepare
from atlas.data.shard import PictureShard, ShardContext, write_shard
from atlas.runtime.errors import AtlasError
from tests.backbones.toys import SHADES, picture_of
from tests.data.album import ALBUM, write_album


@pytest.mark.parametrize(
    ("pictures", "cores", "address", "wanted"),
    [
        (executor.RAY_PICTURES, 64, "", True),
        (executor.RAY_PICTURES, 2, "", False),
        (executor.RAY_PICTURES, 2, "10.0.0.1:6379", True),
        (executor.RAY_PICTURES - 1, 64, "10.0.0.1:6379", False),
    ],
)
def test_ray_is_wanted_for_much_work_on_many_cores_or_a_cluster(
    monkeypatch: pytest.MonkeyPatch, pictures: int, cores: int, address: str, wanted: bool
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert wants_ray(pictures) is wanted


def test_a_cluster_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nonsense")
    with pytest.raises(AtlasError, match=r"no Ray cluster at nonsense: .*Check RAY_ADDRESS"), ray_cluster(True):
        pass


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of this test's own, whose workers see the tests' modules."""
    patch = pytest.MonkeyPatch()
    patch.delenv("RAY_ADDRESS", raising=False)
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    with ray_cluster(True):
        yield
    patch.undo()


@pytest.mark.slow
def test_ray_data_gives_the_same_files_as_threads(
    cluster: None, tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", 4)
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", 10)
    album = write_album(tmp_path / "album")
    (album / "images" / "train4.png").write_bytes(b"no image")
    marks: list[Progress] = []
    manners = {
        "threads": PrepareOptions(ray=False, most_broken=0.2),
        "ray": PrepareOptions(ray=True, most_broken=0.2, progress=marks.append),
    }
    threads, ray = (
        prepare(ALBUM, processor=processor, root=tmp_path / name, source=album, prepare_options=prepare_options).path
        for name, prepare_options in manners.items()
    )
    assert sorted(path.name for path in ray.iterdir()) == sorted(path.name for path in threads.iterdir())
    for path in ray.iterdir():
        assert path.read_bytes() == (threads / path.name).read_bytes()
    assert Progress(split="train", phase="pictures", done=12, total=12) in marks


@pytest.mark.slow
def test_ray_data_leaves_out_what_is_done_and_says_what_cannot_be_written(
    cluster: None, tmp_path: Path, processor: Processor
) -> None:
    shard_context = ShardContext(task=SHADES, processor=processor)
    pictures = tuple(picture_of("train", number) for number in (0, 2, 4))
    done, other = (PictureShard(file=f"{name}.arrow", pictures=pictures) for name in "ab")
    write_shard(done, tmp_path, shard_context)
    before = (tmp_path / "a.arrow").stat().st_mtime_ns
    counts: list[int] = []
    Executor(tmp_path, shard_context, ray=True).run([done, other], counts.append)
    assert sum(counts) == 6
    assert (tmp_path / "a.arrow").stat().st_mtime_ns == before
    assert (tmp_path / "b.arrow").read_bytes() == (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "c.arrow").mkdir()
    with pytest.raises(AtlasError, match="cannot write under"):
        Executor(tmp_path, shard_context, ray=True).run(
            [PictureShard(file="c.arrow", pictures=pictures)], counts.append
        )
