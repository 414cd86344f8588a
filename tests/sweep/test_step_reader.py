from __future__ import annotations

from pathlib import Path

import pytest

from atlas.storage.store import Store
from atlas.sweep.step_reader import StepReader
from tests.execution.fleet import FIRST, SECOND, commit


@pytest.fixture
def store(tmp_path: Path) -> Store:
    uri = str(tmp_path / "store")
    commit(uri, FIRST)
    return Store.open(uri)


def test_a_step_that_is_there_is_read_and_one_that_is_not_is_none(store: Store) -> None:
    reader = StepReader()
    result = reader.result(FIRST, store)
    assert result is not None
    assert result.title == FIRST.title
    assert reader.result(SECOND, store) is None
    assert reader.unreadable == {}


def test_the_first_reason_why_a_step_cannot_be_read_stays(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    reader = StepReader()
    for reason in ("http://me:hunter2@host refuses it\nand more", "another"):
        with reader.noted(FIRST):
            raise ValueError(reason)
    assert reader.unreadable == {FIRST.key: f"{FIRST.title}: http://***@host refuses it"}
    assert caplog.text.count("a step cannot be read") == 1


def test_a_store_that_does_not_answer_is_no_fault_of_a_step(store: Store) -> None:
    with pytest.raises(OSError, match="away"), (reader := StepReader()).noted(FIRST):
        raise OSError("the store is away")
    assert reader.unreadable == {}
