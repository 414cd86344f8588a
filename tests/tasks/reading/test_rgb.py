from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlas.tasks.reading import rgb
from atlas.tasks.reading.files import open_image
from atlas.tasks.reading.rgb import as_rgb

Corner = tuple[int, int, int]
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def quarters() -> Image.Image:
    """4 x 2 pixels, of which the upper left is red and the rest blue."""
    image = Image.new("RGB", (4, 2), BLUE)
    image.putpixel((0, 0), RED)
    return image


def saved(path: Path, image: Image.Image, **options: object) -> Image.Image:
    image.save(path, **options)
    return open_image(path)


def corner(image: Image.Image) -> object:
    return as_rgb(image).image.getpixel((0, 0))


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[rgb.ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (4, 2), (0, 0)),
        (2, (4, 2), (3, 0)),
        (3, (4, 2), (3, 1)),
        (4, (4, 2), (0, 1)),
        (5, (2, 4), (0, 0)),
        (6, (2, 4), (1, 0)),
        (7, (2, 4), (1, 3)),
        (8, (2, 4), (0, 3)),
        (9, (4, 2), (0, 0)),
    ],
)
def test_a_picture_is_turned_as_its_exif_says(
    tmp_path: Path, suffix: str, orientation: int, size: tuple[int, int], red: Corner
) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    image = saved(tmp_path / f"a.{suffix}", quarters(), exif=oriented(orientation), **options)
    found = as_rgb(image)
    assert (found.image.size, found.image.getpixel(red)) == (size, RED)
    assert as_rgb(found.image).image.getpixel(red) == RED  # once, not twice


def test_a_photo_of_a_telephone_is_turned_and_counted(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.jpg", Image.new("RGB", (40, 20), RED), exif=oriented(6))
    assert (as_rgb(image).image.size, as_rgb(image).changes) == ((20, 40), (rgb.TURNED,))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_exif_that_cannot_be_read_leaves_the_picture_as_it_lies(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.png", quarters())
    image.info["exif"] = b"Exif\0\0II*\0\xff\xff\xff\xff"
    assert as_rgb(image).image.size == (4, 2)


def gradient(dtype: str) -> np.ndarray:
    return np.array([[0, 128, 257, 32_896, 65_535]], dtype=dtype)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_grey_of_16_bits_is_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    image = saved(tmp_path / f"a.{suffix}", Image.fromarray(gradient("uint16")))
    found = as_rgb(image)
    assert np.asarray(found.image)[0].tolist() == [[0] * 3, [0] * 3, [1] * 3, [128] * 3, [255] * 3]
    assert found.changes == (rgb.SCALED,)


def test_grey_of_16_bits_of_the_other_byte_order_is_the_same() -> None:
    values = gradient(">u2")
    image = Image.frombytes("I;16B", (5, 1), values.tobytes())
    assert np.asarray(as_rgb(image).image)[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_a_portable_map_of_fewer_bits_has_its_own_white(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 1023\n" + np.array([0, 1023], ">u2").tobytes())
    assert np.asarray(as_rgb(open_image(tmp_path / "a.pgm")).image)[0, :, 0].tolist() == [0, 255]


def test_grey_of_16_bits_whose_zero_is_white_is_inverted(tmp_path: Path) -> None:
    Image.fromarray(gradient("uint16")).save(tmp_path / "a.tif", tiffinfo={rgb.POLARITY: 0})
    content = open_image(tmp_path / "a.tif")
    assert content.tag_v2[rgb.POLARITY] in (0, 1)  # type: ignore[attr-defined]
    expected = [255, 255, 254, 127, 0] if content.tag_v2[rgb.POLARITY] == 0 else [0, 0, 1, 128, 255]  # type: ignore[attr-defined]
    assert np.asarray(as_rgb(content).image)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("suffix", ["tif", None])
def test_greys_without_a_certain_range_are_refused_by_name(tmp_path: Path, dtype: str, suffix: str | None) -> None:
    image = Image.fromarray(np.array([[0, 1, 70_000]], dtype=dtype))
    if suffix:
        image = saved(tmp_path / f"a.{suffix}", image)
    with pytest.raises(OSError, match=r"its greys are .*is not certain; save it with 8 or 16 bits"):
        as_rgb(image)


def clear(mode: str) -> Image.Image:
    """A red picture whose upper left pixel is fully transparent, over black."""
    image = Image.new("RGBA", (2, 2), (255, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa", "La"])
def test_what_is_transparent_is_laid_on_white(mode: str) -> None:
    image = clear(mode) if mode != "La" else clear("LA").convert("La")
    found = as_rgb(image)
    assert (found.image.getpixel((0, 0)), found.changes) == (WHITE, (rgb.ON_WHITE,))
    assert found.image.getpixel((1, 1)) in (RED, (76, 76, 76))


def test_half_transparent_is_half_white() -> None:
    assert corner(Image.new("RGBA", (1, 1), (0, 0, 0, 128))) == (127, 127, 127)


@pytest.mark.parametrize("suffix", ["png", "gif", "webp"])
def test_a_transparent_file_is_laid_on_white(tmp_path: Path, suffix: str) -> None:
    image = saved(tmp_path / f"a.{suffix}", clear("RGBA"), **({"lossless": True} if suffix == "webp" else {}))
    assert corner(image) == WHITE


def test_a_palette_with_transparency_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 0), 1)
    found = as_rgb(saved(tmp_path / "a.png", image, transparency=0))
    assert [found.image.getpixel((x, 0)) for x in (0, 1)] == [WHITE, RED]
    assert found.changes == (rgb.ON_WHITE,)


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7))])
def test_a_transparent_key_is_white(tmp_path: Path, mode: str, key: object) -> None:
    image = Image.new(mode, (2, 1), key)  # type: ignore[arg-type]
    assert corner(saved(tmp_path / "a.png", image, transparency=key)) == WHITE


def test_a_transparent_key_of_16_bits_is_white(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.png", Image.fromarray(gradient("uint16")), transparency=32_896)
    found = as_rgb(image)
    assert np.asarray(found.image)[0, :, 0].tolist() == [0, 0, 1, 255, 255]
    assert found.changes == (rgb.SCALED, rgb.ON_WHITE)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "YCbCr", "HSV"])
def test_an_opaque_picture_is_converted_as_before_and_not_counted(mode: str) -> None:
    noise = Image.effect_noise((16, 16), 90)
    image = Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180))).convert(mode)
    found = as_rgb(image)
    assert (found.image.mode, found.changes) == ("RGB", ())
    assert found.image.tobytes() == image.convert("RGB").tobytes()


def test_cmyk_goes_through_its_conversion_and_is_counted(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)))
    found = as_rgb(image)
    red, green, blue = found.image.getpixel((8, 8))  # type: ignore[misc]
    assert red > 240
    assert max(green, blue) < 15
    assert found.changes == (rgb.FROM_CMYK,)


def test_a_picture_that_was_never_loaded_is_turned_too() -> None:
    file = io.BytesIO()
    quarters().save(file, "TIFF", exif=oriented(6))
    file.seek(0)
    assert as_rgb(Image.open(file)).image.size == (2, 4)
