from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlas.maintenance.inventory import inventory, resolve
from atlas.runtime.errors import AtlasError
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store


@pytest.fixture
def two_scopes(store: Store, tmp_path: Path) -> Store:
    """One step for all, and the same with another for one trial alone."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "head.json").write_text("{}")
    result = StepResult(title="digits (expansion)", order=("digits",), ended=5.0)
    store.commit("ab" + "0" * 62, folder, result)
    for key in ("ab" + "0" * 62, "ab" + "1" * 62):
        replace(store, scope="private/trial-1").commit(key, folder, result)
    return store


def test_every_scope_is_listed(two_scopes: Store) -> None:
    items = list(inventory(two_scopes))
    assert [(item.store.scope, item.key[2]) for item in items] == [
        ("", "0"),
        ("private/trial-1", "0"),
        ("private/trial-1", "1"),
    ]
    assert {(item.title, item.size, item.ended, item.tasks) for item in items} == {
        ("digits (expansion)", 2, 5.0, frozenset({"digits"}))
    }


def test_a_step_is_found_by_the_beginning_of_its_key(two_scopes: Store) -> None:
    assert resolve(two_scopes, "ab1111").key == "ab" + "1" * 62
    assert resolve(two_scopes, "ab0000").store.scope == ""


@pytest.mark.parametrize(
    ("given", "message"), [("ab11", "too short"), ("ab2222", "unknown step in the store"), ("", "too short")]
)
def test_what_names_no_step_is_refused(two_scopes: Store, given: str, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        resolve(two_scopes, given)


def test_a_beginning_of_several_keys_is_refused(two_scopes: Store, tmp_path: Path) -> None:
    two_scopes.commit("ab0000" + "1" * 58, tmp_path / "files", StepResult())
    with pytest.raises(AtlasError, match="begins the keys of"):
        resolve(two_scopes, "ab0000")
