"""Pictures as people see them: upright, opaque, of 8 bits a channel, in red, green and blue.

Training and the registered model take every picture through `as_rgb`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

TURNED = "turned upright, as EXIF says"
ON_WHITE = "laid on white where they are transparent"
SCALED = "scaled from more than 8 bits of grey"
FROM_CMYK = "converted from CMYK, without its colour profile"
NO_EXIF = "taken as they lie, since their EXIF cannot be read"
ORIENTATION, BITS, POLARITY = 0x0112, 258, 262  # tags of EXIF and TIFF
WHITE_IS_ZERO = 0  # of POLARITY
GREYS = ("I;16", "I;16L", "I;16B", "I;16N")
SIXTEEN_BIT_FILES = ("PNG", "PPM")  # Pillow gives mode I for some, scaled to 16 bits


@dataclass(frozen=True, kw_only=True)
class RgbImage:
    """An image of mode RGB, and the changes beyond the plain conversion of its mode."""

    image: Image.Image
    changes: tuple[str, ...] = ()


def as_rgb(image: Image.Image) -> RgbImage:
    """The image as a viewer shows it on a white page.

    Raises OSError for an image whose greys have no certain range (32 bits, floats): to scale them is to guess.
    """
    image.load()
    bounds = _grey_bounds(image)
    upright, turned = _upright(image)
    if bounds is not None:
        opaque, changes = _scaled(upright, *bounds)
    else:
        opaque, changes = _opaque(upright)
    return RgbImage(image=opaque.convert("RGB"), changes=turned + changes)


def _grey_bounds(image: Image.Image) -> tuple[int, int] | None:
    """Black and white of an image of more than 8 bits of grey, else None. Raises OSError where they are unknown."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    if image.mode in GREYS:
        bits = next(iter(tags.get(BITS, (16,))), 16)
        full = 2**bits - 1
        return (full, 0) if tags.get(POLARITY) == WHITE_IS_ZERO else (0, full)
    if image.mode == "I" and image.format in SIXTEEN_BIT_FILES:
        return 0, 2**16 - 1
    if image.mode in ("I", "F"):
        kind = "32-bit whole numbers" if image.mode == "I" else "floats"
        raise OSError(
            f"its greys are {kind} (mode {image.mode}), and which is black and which white is not certain; "
            "save it with 8 or 16 bits"
        )
    return None


def _upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    from PIL import ImageOps

    try:
        orientation = image.getexif().get(ORIENTATION, 1)
        return (image, ()) if orientation not in range(2, 9) else (ImageOps.exif_transpose(image), (TURNED,))
    except Exception:  # EXIF is written by any camera, and Pillow raises almost anything for it
        return image, (NO_EXIF,)


def _scaled(image: Image.Image, black: int, white: int) -> tuple[Image.Image, tuple[str, ...]]:
    """The greys on 8 bits, rounded; those of a transparent key become white."""
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    greys = np.rint(np.clip((values - black) / (white - black), 0, 1) * 255).astype(np.uint8)
    key = image.info.get("transparency")
    clear = values == key if isinstance(key, int) else np.zeros_like(values, dtype=bool)
    greys[clear] = 255
    return Image.fromarray(greys), (SCALED, ON_WHITE) if clear.any() else (SCALED,)


def _opaque(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """The image on white where any pixel is transparent; as it is where none is."""
    from PIL import Image

    if image.mode == "CMYK":
        return image, (FROM_CMYK,)
    if not image.has_transparency_data:
        return image, ()
    straight = image.convert("LA") if image.mode == "La" else image  # from premultiplied grey
    clear = straight.convert("RGBA")
    if clear.getchannel("A").getextrema()[0] == 255:
        return image if image.mode != "La" else straight, ()
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear), (ON_WHITE,)
