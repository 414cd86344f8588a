"""Generated twins of MTIL's eleven data sets of pictures, in their published raw layouts.

To add one: write its file, add one line to IMAGE_TWINS (and one to the catalogue).
"""

from __future__ import annotations

from atlas.tasks.twins.mtil import (
    aircraft,
    caltech101,
    cifar100,
    dtd,
    eurosat,
    flowers102,
    food101,
    mnist,
    oxford_pets,
    stanford_cars,
    sun397,
)
from atlas.tasks.twins.mtil.image_twin import SIZES, ImageTwin

IMAGE_TWINS: dict[str, ImageTwin] = {
    one.TWIN.task: one.TWIN
    for one in (
        aircraft,
        caltech101,
        cifar100,
        dtd,
        eurosat,
        flowers102,
        food101,
        mnist,
        oxford_pets,
        stanford_cars,
        sun397,
    )
}

__all__ = ["IMAGE_TWINS", "SIZES", "ImageTwin"]
