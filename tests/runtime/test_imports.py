"""The collector of cyclic garbage stands still while large libraries are imported, and works again afterwards."""

from __future__ import annotations

import gc
import weakref

import pytest

from atlas.runtime.imports import uncollected


class Loop:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_it_stands_still_within_and_collects_what_is_made_afterwards() -> None:
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    lost = weakref.ref(Loop())
    gc.collect()
    assert lost() is None
    gc.unfreeze()


def test_an_import_that_fails_leaves_it_at_work() -> None:
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


def test_where_nothing_is_imported_nothing_is_kept_from_the_collector() -> None:
    before = gc.get_freeze_count()
    with uncollected():
        pass
    assert gc.get_freeze_count() == before
