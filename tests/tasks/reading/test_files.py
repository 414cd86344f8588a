from __future__ import annotations

import os
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from atlas.runtime.errors import AtlasError
from atlas.tasks import Broken
from atlas.tasks.reading.files import (
    Unreadable,
    csv_lines,
    digest,
    field,
    given,
    inside,
    json_file,
    json_items,
    json_lines,
    open_image,
    picture,
    text_lines,
)

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"


def noise(path: Path, kind: str = "JPEG", size: int = 64) -> Path:
    """An image that does not compress to nothing."""
    pixels = random.Random(1).randbytes(3 * size * size)
    Image.frombytes("RGB", (size, size), pixels).save(path, kind)
    return path


def bomb(path: Path, side: int) -> Path:
    """A PNG that says it is that large, in a hundred bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "a/../x.jpg", "/etc/passwd", "", "..\\x.jpg", "a\0b"])
def test_a_path_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable, match="leaves its folder"):
        inside(tmp_path, name)


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="leaves its folder"):
        inside(tmp_path, "a\ud800.jpg")


def test_links_may_lead_about_the_folder_but_not_out_of_it(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "a", outside):
        folder.mkdir(parents=True)
        noise(folder / "x.jpg")
    os.symlink(outside, root / "folder")
    os.symlink(outside / "x.jpg", root / "file.jpg")
    os.symlink(root / "a" / "x.jpg", root / "same.jpg")
    os.symlink(root / "circle.jpg", root / "circle.jpg")
    for name in ("folder/x.jpg", "file.jpg"):
        with pytest.raises(Unreadable, match="link out of its folder"):
            inside(root, name)
    assert inside(root, "same.jpg") == root / "same.jpg"
    with pytest.raises(Unreadable, match="there is no image 'circle.jpg'"):
        picture(root, "circle.jpg")


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    noise(tmp_path / "real" / "x.jpg")
    os.symlink(tmp_path / "real", tmp_path / "root")
    assert picture(tmp_path / "root", "x.jpg").name == "x.jpg"


@pytest.mark.parametrize("name", ["été/☀ 海.jpg", "..x.jpg", "a b;c'd.jpg"])
def test_unusual_names_are_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    noise(tmp_path / name)
    found = picture(tmp_path, name)
    assert found.name == name
    with found.open() as image:
        assert image.size == (64, 64)


def test_a_name_is_found_in_either_unicode_form(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9t\u00e9.jpg", "e\u0301te\u0301.jpg"
    (tmp_path / "images").mkdir()
    noise(tmp_path / "images" / decomposed)
    for folder in ("", "images/"):
        found = picture(tmp_path, f"images/{composed}", folder=folder)
        assert found.name == f"images/{composed}"
        assert found.open().size == (64, 64)
    noise(tmp_path / composed)
    assert picture(tmp_path, decomposed).open().size == (64, 64)


@pytest.mark.parametrize("name", ["gone.jpg", "folder", "x" * 300 + ".jpg", "a.jpg/b.jpg"])
def test_an_image_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    noise(tmp_path / "a.jpg")
    with pytest.raises(Unreadable, match="there is no image"):
        picture(tmp_path, name)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_image_that_is_cut_short_or_altered_opens_or_raises_an_os_error(tmp_path: Path, kind: str) -> None:
    whole = noise(tmp_path / "image", kind, size=24).read_bytes()
    generator = random.Random(0)
    (tmp_path / "image").write_bytes(whole[: len(whole) // 2])
    if kind != "GIF":  # Pillow fills up a GIF
        with pytest.raises(OSError, match="(?i)truncated|could not|cannot"):
            open_image(tmp_path / "image")
    for _ in range(150):
        altered = bytearray(whole)
        for _ in range(generator.randrange(1, 6)):
            altered[generator.randrange(min(len(altered), 200))] = generator.randrange(256)
        (tmp_path / "image").write_bytes(altered)
        try:
            open_image(tmp_path / "image").close()
        except OSError:
            continue


@pytest.mark.parametrize(
    ("content", "message"), [(POINTER, "Git LFS pointer"), (b"", "cannot identify"), (b"<html>", "cannot identify")]
)
def test_what_is_no_image_is_an_os_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(OSError, match=message):
        open_image(tmp_path / "x.jpg")


@pytest.mark.parametrize(("side", "message"), [(10_001, "10001 x 10001 pixels"), (60_000, "no image that can be read")])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_not_decoded(tmp_path: Path, side: int, message: str) -> None:
    with pytest.raises(OSError, match=message):
        open_image(bomb(tmp_path / "bomb.png", side))


def test_an_image_is_open_no_more_once_it_is_decoded(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    images = [open_image(noise(tmp_path / f"{kind}", kind)) for kind in ("JPEG", "GIF", "TIFF")]
    assert len(os.listdir("/proc/self/fd")) == before
    assert [image.size for image in images] == 3 * [(64, 64)]


def test_lines_are_numbered_and_blank_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.lst").write_bytes("\ufeff0\r\n\n  1 \n\u2028x".encode())
    assert list(text_lines(tmp_path / "x.lst")) == [("x.lst:1", "0"), ("x.lst:3", "1"), ("x.lst:4", "x")]


def test_lines_that_are_no_json_object_are_broken(tmp_path: Path) -> None:
    deep = "[" * 100_000
    lines = ['{"a": "é"}', '{"a": ', "3", "", deep, "9" * 5000]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = dict(json_lines(tmp_path / "x.jsonl"))
    assert found["x.jsonl:1"] == {"a": "é"}
    assert [where for where, value in found.items() if isinstance(value, Broken)] == [
        f"x.jsonl:{i}" for i in (2, 3, 5, 6)
    ]
    three = found["x.jsonl:3"]
    assert isinstance(three, Broken)
    assert three.reason == "a int, no object"


@pytest.mark.parametrize("read", [text_lines, json_lines, csv_lines, json_file, digest])
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty|cannot be read as JSON"), (POINTER, "is a Git LFS pointer instead of data")],
)
def test_an_empty_file_a_pointer_and_no_file_are_refused(read, content: bytes, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x"
    with pytest.raises(AtlasError, match="x cannot be read: No such file"):
        list(read(path))
    path.write_bytes(content)
    with pytest.raises(AtlasError, match=message):
        list(read(path))


@pytest.mark.parametrize("read", [text_lines, json_lines, csv_lines, json_file])
def test_what_is_no_utf_8_is_refused(read, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "x").write_bytes('{"a": "é"}\n'.encode("latin-1"))
    with pytest.raises(AtlasError, match=r"x is not UTF-8|x cannot be read as JSON.*utf-8"):
        list(read(tmp_path / "x"))


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "", "nul"])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(AtlasError, match="cannot be read as JSON"):
        json_file(tmp_path / "x.json")


def test_rows_of_a_csv_are_numbered_and_those_of_another_length_broken(tmp_path: Path) -> None:
    text = '\ufeffimage,question\na.jpg,"red, or\nblue?"\n\nb.jpg\nc.jpg,x,y\nd.jpg,\n'
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    found = list(csv_lines(tmp_path / "x.csv", columns=["question"]))
    assert found == [
        ("x.csv:3", {"image": "a.jpg", "question": "red, or\nblue?"}),
        ("x.csv:5", Broken(where="x.csv:5", reason="not 2 values: image, question")),
        ("x.csv:6", Broken(where="x.csv:6", reason="not 2 values: image, question")),
        ("x.csv:7", {"image": "d.jpg", "question": ""}),
    ]


def test_a_csv_without_a_column_or_with_an_open_quote_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("image,qestion\na,b\n")
    with pytest.raises(AtlasError, match="x.csv: unknown or missing column 'question'. Did you mean 'qestion'"):
        next(csv_lines(tmp_path / "x.csv", columns=["image", "question"]))
    (tmp_path / "x.csv").write_text('image,question\na,"b\n')
    with pytest.raises(AtlasError, match="is no CSV"):
        list(csv_lines(tmp_path / "x.csv"))


def test_a_field_is_found_under_the_first_of_its_spellings() -> None:
    values = {"Flikr30kID": "1.jpg", "n": 3, "yes": True, "list": []}
    assert field(values, ("Flickr30K_ID", "Flikr30kID")) == "1.jpg"
    assert field(values, "n", int) == 3
    assert field(values, "n", (int, str)) == 3
    assert field(values, "yes", bool) is True
    assert field(values, "list", list) == []


def test_a_field_that_is_missing_or_of_another_kind_is_told() -> None:
    with pytest.raises(Unreadable, match="missing field 'sentence2'. Did you mean 'sentence_2'"):
        field({"sentence_2": "x"}, "sentence2")
    with pytest.raises(Unreadable, match="the field 'x' is 3, a int"):
        field({"x": 3}, "x")
    for kind in (int, (int, str)):
        with pytest.raises(Unreadable, match="the field 'x' is True, a bool"):
            field({"x": True}, "x", kind)
    with pytest.raises(Unreadable, match="no Unicode text"):
        field({"x": "a\ud800"}, "x")


def test_a_task_that_needs_a_source_says_so() -> None:
    assert given(Path("a")) == Path("a")
    with pytest.raises(AtlasError, match="name the folder"):
        given(None)


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert digest(tmp_path / "x").startswith("ba7816bf")


@pytest.mark.parametrize("content", ['\ufeff{"images": [{"id": 1}]}', '{"images": [\r\n{"id": 1}\r\n]}\r\n'])
def test_a_list_of_json_may_begin_with_a_byte_order_mark_and_have_any_line_ends(tmp_path: Path, content: str) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(content.encode())
    assert list(json_items(path, "images")) == [("train.json: images[0]", {"id": 1})]
    with pytest.raises(AtlasError, match="Did you mean 'images'"):
        list(json_items(path, "image"))


def test_lines_of_json_may_have_a_mark_other_line_ends_and_no_last_one(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes('\ufeff{"id": "a\u2028b"}\r\n{"id": 2}'.encode())
    assert [values for _, values in json_lines(path)] == [{"id": "a\u2028b"}, {"id": 2}]


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.csv"
    path.write_text("image,answer,answer\n1,no,yes\n")
    with pytest.raises(AtlasError, match="the column 'answer' is there twice"):
        list(csv_lines(path, ["image"]))
