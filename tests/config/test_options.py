from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from atlas.config.options import GROUP_OF, GROUPS, Options
from atlas.runtime.errors import AtlasError


def test_no_two_groups_share_a_name() -> None:
    names = [one.name for kind in GROUPS.values() for one in fields(kind)]
    assert sorted(names) == sorted(GROUP_OF)
    assert [one.name for one in fields(Options)] == list(GROUPS)


def test_flat_names_reach_their_group_and_come_back() -> None:
    options = Options.of(tasks=["digits"], steps=3, storage="/s", fleets=2, sharing=False)
    assert (options.search.tasks, options.training.steps, options.cluster.fleets) == (("digits",), 3, 2)
    assert (options.storage.storage, options.run.sharing) == ("/s", False)
    assert Options.of(**options.flat()) == options


def test_a_changed_copy_keeps_the_rest() -> None:
    options = Options.of(tasks=("digits",), rank=3)
    assert options.changed(rank=4) == Options.of(tasks=("digits",), rank=4)
    assert options.training.rank == 3


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(AtlasError, match="unknown option 'taks'. Did you mean 'tasks'"):
        Options.of(taks=("digits",))


def test_they_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Options().training.rank = 3  # type: ignore[misc]
