from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from atlas.backbones.processor import Processor
from atlas.data.columns import array
from atlas.data.shard import (
    PictureShard,
    RecordShard,
    ShardContext,
    is_done,
    pictures_a_shard,
    read_batch,
    read_metadata,
)
from atlas.data.shard import write_shard as write
from atlas.runtime.errors import AtlasError, UserError
from atlas.tasks import Picture, Record
from atlas.tasks.reading import rgb
from tests.backbones.toys import CHOICES, SHADES, picture_of, write_folder


def fail(error: Exception) -> Image.Image:
    raise error


def failing(name: str, error: Exception) -> Picture:
    return Picture(name=name, open=functools.partial(fail, error))


def half(path: Path) -> Image.Image:
    """An image whose second half is missing, which Pillow finds out when it is asked for pixels."""
    return Image.open(path)


GOOD = tuple(picture_of("train", number) for number in (0, 2, 4))
PICTURES = PictureShard(file="p.arrow", pictures=GOOD)
RECORDS = RecordShard(
    file="r.arrow",
    records=tuple(
        Record(id=f"{i}", pictures=(), texts=(f"{'word1 ' * (2 + 9 * i)}",) * 2 + ("a",) * 2, label=i) for i in range(3)
    ),
    rows=np.array([[0], [1], [0]], dtype=np.int32),
)


@pytest.fixture
def shard_context(processor: Processor) -> ShardContext:
    return ShardContext(task=CHOICES, processor=processor, threads=2)


def test_pictures_are_rows_in_order(tmp_path: Path, shard_context: ShardContext) -> None:
    write(PICTURES, tmp_path, shard_context)
    rows = array(read_batch(tmp_path / "p.arrow").column("pixels"))
    for row, picture in zip(rows, GOOD, strict=True):
        assert np.array_equal(row, shard_context.processor.pixels(picture.open()).ravel())
    assert read_metadata(tmp_path / "p.arrow").broken == ()


def test_records_have_tokens_labels_and_how_many_texts_were_cut(tmp_path: Path, shard_context: ShardContext) -> None:
    write(RECORDS, tmp_path, shard_context)
    batch = read_batch(tmp_path / "r.arrow")
    assert batch.column("id").to_pylist() == ["0", "1", "2"]
    assert array(batch.column("pictures")).tolist() == [[0], [1], [0]]
    assert batch.column("label").to_pylist() == [0, 1, 2]
    assert batch.column("cut").to_pylist() == [0, 2, 2]
    tokens = array(batch.column("tokens")).reshape(3, 4, -1)
    assert np.array_equal(tokens[1], shard_context.processor.token_rows(RECORDS.records[1].texts)[0])


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        SyntaxError("broken PNG"),
        ValueError("bad mode"),
        Image.DecompressionBombError("too large"),
        UserError("a link"),
    ],
)
def test_a_picture_that_cannot_be_opened_has_no_row_and_a_reason(
    tmp_path: Path, shard_context: ShardContext, error: Exception
) -> None:
    write(PictureShard(file="p.arrow", pictures=(GOOD[0], failing("bad", error), GOOD[2])), tmp_path, shard_context)
    assert read_batch(tmp_path / "p.arrow").num_rows == 2
    assert read_metadata(tmp_path / "p.arrow").broken == ((1, f"picture 'bad': {error}"),)


def test_a_picture_that_is_cut_short_is_found_where_it_is_lazily_opened(
    tmp_path: Path, shard_context: ShardContext
) -> None:
    Image.effect_noise((64, 64), 90).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    picture = Picture(name="a.png", open=functools.partial(half, tmp_path / "a.png"))
    write(PictureShard(file="p.arrow", pictures=(picture,)), tmp_path, shard_context)
    assert read_batch(tmp_path / "p.arrow").num_rows == 0
    assert "truncated" in read_metadata(tmp_path / "p.arrow").broken[0][1]


def drawn(image: Image.Image) -> Picture:
    return Picture(name=f"{image.mode} {image.size}", open=image.copy)


def test_changes_of_pictures_are_counted_and_what_cannot_be_scaled_is_broken(
    tmp_path: Path, shard_context: ShardContext
) -> None:
    shown = [Image.new(mode, (8, 8), 0) for mode in ("RGBA", "LA", "I;16", "F", "CMYK", "L")]
    write(PictureShard(file="p.arrow", pictures=tuple(map(drawn, shown))), tmp_path, shard_context)
    metadata = read_metadata(tmp_path / "p.arrow")
    assert metadata.changed == {rgb.ON_WHITE: 2, rgb.SCALED: 1, rgb.FROM_CMYK: 1}
    assert [number for number, _ in metadata.broken] == [3]
    assert "picture 'F (8, 8)': its greys are floats" in metadata.broken[0][1]
    rows = array(read_batch(tmp_path / "p.arrow").column("pixels"))
    assert [int(row[0]) for row in rows] == [255, 255, 0, 255, 0]


def nothing() -> Image.Image:
    return None  # type: ignore[return-value]


def test_a_picture_that_opens_as_something_else_is_broken(tmp_path: Path, shard_context: ShardContext) -> None:
    pictures = (
        Picture(name="a", open=nothing),
        Picture(name="b", open=functools.partial(np.zeros, (2, 2))),  # type: ignore[arg-type]
        Picture(name="c", open=functools.partial(str, "c.png")),  # type: ignore[arg-type]
    )
    write(PictureShard(file="p.arrow", pictures=pictures), tmp_path, shard_context)
    reasons = [reason for _, reason in read_metadata(tmp_path / "p.arrow").broken]
    assert [reason.split(", ")[-2] for reason in reasons] == ["a NoneType", "a ndarray", "a str"]


def test_another_mistake_of_a_picture_is_not_taken_for_a_broken_file(
    tmp_path: Path, shard_context: ShardContext
) -> None:
    with pytest.raises(ZeroDivisionError):
        write(PictureShard(file="p.arrow", pictures=(failing("bad", ZeroDivisionError()),)), tmp_path, shard_context)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_shard_is_not_done_again(tmp_path: Path, shard_context: ShardContext) -> None:
    write(PICTURES, tmp_path, shard_context)
    same = PictureShard(file="p.arrow", pictures=tuple(failing(one.name, OSError("opened")) for one in GOOD))
    write(same, tmp_path, shard_context)
    assert read_batch(tmp_path / "p.arrow").num_rows == 3


def test_a_shard_of_other_content_is_done_anew(tmp_path: Path, shard_context: ShardContext) -> None:
    write(PICTURES, tmp_path, shard_context)
    write(PictureShard(file="p.arrow", pictures=GOOD[:2]), tmp_path, shard_context)
    assert read_batch(tmp_path / "p.arrow").num_rows == 2


def test_a_shard_with_broken_pictures_is_tried_again(tmp_path: Path, shard_context: ShardContext) -> None:
    bad = PictureShard(file="p.arrow", pictures=(failing(GOOD[0].name, OSError("gone")), *GOOD[1:]))
    write(bad, tmp_path, shard_context)
    assert not is_done(tmp_path / "p.arrow", PICTURES.digest)
    write(PICTURES, tmp_path, shard_context)
    assert read_batch(tmp_path / "p.arrow").num_rows == 3


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"x" * 500])
def test_a_file_that_is_no_shard_is_not_done(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.arrow").write_bytes(content)
    assert not is_done(tmp_path / "p.arrow", PICTURES.digest)


def test_a_file_of_somebody_else_is_not_done(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("a", pa.int32())])
    with pa.ipc.new_file(tmp_path / "p.arrow", schema) as writer:
        writer.write_batch(pa.record_batch([pa.array([1], pa.int32())], schema=schema))
    assert not is_done(tmp_path / "p.arrow", PICTURES.digest)


def test_two_writings_give_the_same_bytes_on_any_number_of_threads(tmp_path: Path, processor: Processor) -> None:
    for threads in (1, 4):
        (tmp_path / str(threads)).mkdir()
        write(PICTURES, tmp_path / str(threads), ShardContext(task=SHADES, processor=processor, threads=threads))
    assert (tmp_path / "1" / "p.arrow").read_bytes() == (tmp_path / "4" / "p.arrow").read_bytes()


def test_what_cannot_be_written_is_one_clear_error(shard_context: ShardContext) -> None:
    with pytest.raises(AtlasError, match="cannot write under .*nowhere"):
        write(PICTURES, Path("/nowhere"), shard_context)


def test_a_shard_of_large_pictures_holds_fewer(tmp_path: Path) -> None:
    sides = [Processor.load(write_folder(tmp_path / str(side), size=side)) for side in (8, 64, 384, 10_000)]
    assert [pictures_a_shard(one) for one in sides] == [8192, 5461, 151, 1]
