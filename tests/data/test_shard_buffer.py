from __future__ import annotations

import functools
import runpy
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from atlas.data.shard import PictureShard
from atlas.data.shard_buffer import ShardBuffer
from atlas.runtime.errors import AtlasError
from atlas.tasks import Picture
from tests.backbones.toys import picture_of


def test_shards_come_back_in_order_as_often_as_asked(tmp_path: Path) -> None:
    buffer = ShardBuffer(tmp_path)
    shards = [PictureShard(file=f"{i}", pictures=tuple(picture_of("train", n) for n in range(i))) for i in (1, 2, 3)]
    for shard in shards:
        buffer.add(shard)
    for _ in range(2):
        assert [(shard.file, shard.digest) for shard in buffer] == [(shard.file, shard.digest) for shard in shards]
    assert (buffer.files, buffer.total) == (["1", "2", "3"], 6)
    buffer.close()


def test_no_file_of_it_can_be_seen(tmp_path: Path) -> None:
    buffer = ShardBuffer(tmp_path)
    buffer.add(PictureShard(file="a", pictures=(picture_of("train", 0),)))
    assert list(tmp_path.iterdir()) == []
    buffer.close()


def test_a_function_of_a_users_own_file_travels_by_value(tmp_path: Path) -> None:
    found: dict[str, Any] = runpy.run_path(str(write_module(tmp_path)), run_name="mine")
    buffer = ShardBuffer(tmp_path)
    buffer.add(PictureShard(file="a", pictures=(Picture(name="a", open=found["paint"]),)))
    (shard,) = buffer
    assert isinstance(shard, PictureShard)
    assert shard.pictures[0].open().size == (3, 4)
    buffer.close()


def write_module(folder: Path) -> Path:
    path = folder / "mine.py"
    path.write_text("from PIL import Image\n\ndef paint():\n    return Image.new('L', (3, 4))\n")
    return path


def test_a_picture_that_cannot_travel_is_refused(tmp_path: Path) -> None:
    buffer = ShardBuffer(tmp_path)
    picture = Picture(name="a", open=functools.partial(Image.open, threading.Lock()))  # type: ignore[arg-type]
    with pytest.raises(AtlasError, match="cannot travel to another process"):
        buffer.add(PictureShard(file="a", pictures=(picture,)))
    buffer.close()
