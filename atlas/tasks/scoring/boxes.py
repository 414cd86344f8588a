"""Boxes as texts, `[0.12, 0.3, 0.58, 0.9]`: left, top, right, bottom; scored by their intersection over union."""

from __future__ import annotations

import math
from dataclasses import dataclass

from atlas.tasks.scoring.text_score import RecordScore, References

Box = tuple[float, float, float, float]  # left, top, right, bottom
OVERLAP = 0.5  # above which two boxes are one


@dataclass(frozen=True, kw_only=True)
class BoxOverlap(RecordScore):
    """1 where the box that is written has an intersection over union above 0.5 with a reference.

    Boxes are compared as they are written: both in shares of the same sides (see `padded`). cut: the number of
    characters that are left out at either end of what stands between the brackets, as CoIN's evaluation does by one.
    """

    cut: int = 0

    def value(self, prediction: str, references: References) -> float:
        said = self._box(prediction)
        right = [box for one in references if (box := box_of(one))]
        return float(said is not None and any(overlap(said, one) > OVERLAP for one in right))

    def takes(self, reference: str) -> bool:
        """Whether the reference is a box."""
        return box_of(reference) is not None

    def _box(self, prediction: str) -> Box | None:
        if not self.cut:
            return box_of(prediction)
        inner = prediction.removeprefix(" ").replace("[", "").replace("]", "")
        return box_of(inner[self.cut : -self.cut])


def box_of(text: str) -> Box | None:
    """The four numbers of a text, with or without brackets; None where it is anything else."""
    try:
        numbers = [float(part) for part in text.replace("[", "").replace("]", "").split(",")]
    except ValueError:
        return None
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]


def text_of_box(box: Box, digits: int = 2) -> str:
    """The box as a text, of so many digits after the point."""
    return f"[{', '.join(f'{side:.{digits}f}' for side in box)}]"


def padded(box: Box, *, width: float, height: float) -> Box:
    """A box in pixels of an image, in shares of the square that the image is in the middle of: sides in [0, 1].

    So CoIN and LLaVA write boxes: the image is padded to its longer side on both sides alike.
    """
    side = max(width, height)
    right, down = (side - width) / 2, (side - height) / 2
    return (box[0] + right) / side, (box[1] + down) / side, (box[2] + right) / side, (box[3] + down) / side


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]; 0 of two boxes without area."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    union = area(one) + area(other) - wide * high
    return wide * high / union if union > 0 else 0.0


def area(box: Box) -> float:
    """Width by height."""
    return (box[2] - box[0]) * (box[3] - box[1])
