from __future__ import annotations

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import TASKS, Record
from atlas.tasks.twins import Sizes
from atlas.tasks.twins.inaturalist import EVERY, HUES, make
from tests.tasks.twins.probes import scene


def test_a_species_is_a_shape_a_texture_and_a_family_of_colours() -> None:
    task = TASKS["inaturalist-twin"]
    for record in task.read("val", None):
        assert isinstance(record, Record)
        (shape,) = scene(record.pictures[0]).shapes
        texture, hue, kind = task.answers[record.label].split()  # type: ignore[index]
        assert (shape.texture, shape.shape) == (texture, kind)
        assert shape.color in HUES[hue]


@pytest.mark.parametrize("classes", [2, len(EVERY)])
def test_it_has_as_many_species_as_asked(classes: int) -> None:
    task = make(Sizes(train=classes, val=1, test=1), classes=classes)
    assert len(set(task.answers)) == classes
    assert task.chance == pytest.approx(100 / classes)
    labels = [record.label for record in task.read("train", None) if isinstance(record, Record)]
    assert sorted(labels) == list(range(classes))  # type: ignore[type-var]


@pytest.mark.parametrize("classes", [1, len(EVERY) + 1])
def test_a_number_of_species_that_there_is_not_is_refused(classes: int) -> None:
    with pytest.raises(AtlasError, match=f"2 to 54 classes, got {classes}"):
        make(Sizes(), classes=classes)
