from __future__ import annotations

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.twins import snli_ve
from atlas.tasks.twins.twin import Sizes, check_sizes, first, published


def test_sizes_know_their_splits() -> None:
    assert [Sizes(train=1, val=2, test=3).of(split) for split in ("train", "val", "test")] == [1, 2, 3]
    with pytest.raises(AtlasError, match="'seed'"):
        Sizes().of("seed")


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(AtlasError, match="a-twin .*test=-1"):
        check_sizes("a-twin", Sizes(test=-1))


def test_a_published_training_part_holds_selection_and_learning() -> None:
    sizes = Sizes(train=5, val=3, test=2)
    both = [*first(snli_ve.draw, "val", sizes), *first(snli_ve.draw, "train", sizes)]
    assert list(published(snli_ve.draw, "train", sizes)) == both
    assert list(published(snli_ve.draw, "test", sizes)) == list(first(snli_ve.draw, "test", sizes))
