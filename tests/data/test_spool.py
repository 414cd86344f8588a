from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from atlas.data.shard import PictureShard
from atlas.data.spool import Spool
from atlas.errors import AtlasError
from atlas.tasks import Picture
from data.toys import picture_of


def test_shards_come_back_in_order_as_often_as_asked(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    shards = [PictureShard(file=f"{i}", pictures=tuple(picture_of("train", n) for n in range(i))) for i in (1, 2, 3)]
    for shard in shards:
        spool.add(shard)
    for _ in range(2):
        assert [(shard.file, shard.digest) for shard in spool] == [(shard.file, shard.digest) for shard in shards]
    assert (spool.files, spool.total) == (["1", "2", "3"], 6)
    spool.close()


def test_no_file_of_it_can_be_seen(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(PictureShard(file="a", pictures=(picture_of("train", 0),)))
    assert list(tmp_path.iterdir()) == []
    spool.close()


def test_a_picture_that_cannot_travel_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    picture = Picture(name="a", open=lambda: Image.new("RGB", (1, 1)))
    with pytest.raises(AtlasError, match="functools.partial"):
        spool.add(PictureShard(file="a", pictures=(picture,)))
    spool.close()
