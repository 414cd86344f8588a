from __future__ import annotations

import ast
import pickle
from pathlib import Path

import pytest

import atlas
from atlas.learners.divergence import Diverged
from atlas.runtime.errors import (
    AccessDenied,
    AtlasError,
    InfrastructureError,
    StepError,
    StorageUnavailable,
    UserError,
    unknown,
)
from atlas.steps.loading import MissingParent
from atlas.steps.train import WrongWorker
from atlas.storage.artifact import CorruptArtifact

KINDS = (UserError, StepError, InfrastructureError)


def test_bad_input_is_a_value_error_and_nothing_else_is() -> None:
    assert issubclass(UserError, ValueError)
    assert not issubclass(StepError, ValueError)
    assert not issubclass(InfrastructureError, ValueError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AccessDenied, UserError),
        (Diverged, StepError),
        (StorageUnavailable, InfrastructureError),
        (MissingParent, InfrastructureError),
        (CorruptArtifact, InfrastructureError),
        (WrongWorker, InfrastructureError),
    ],
)
def test_every_error_is_of_one_kind(error: type[AtlasError], kind: type[AtlasError]) -> None:
    assert [one for one in KINDS if issubclass(error, one)] == [kind]


def test_each_kind_ends_a_command_in_its_own_way() -> None:
    assert [kind.exit_code for kind in KINDS] == [2, 1, 3]


def test_the_root_itself_is_raised_nowhere() -> None:
    """Raising it would leave open whether waiting, other input or another step helps."""
    found = [
        f"{path}:{node.lineno}"
        for path in Path(atlas.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "AtlasError"
    ]
    assert found == []


@pytest.mark.parametrize("kind", [AccessDenied, Diverged, StorageUnavailable, WrongWorker])
def test_an_error_travels_to_another_process(kind: type[AtlasError]) -> None:
    there = pickle.loads(pickle.dumps(kind("the store refuses")))
    assert (type(there), str(there)) == (kind, "the store refuses")


def test_an_unknown_name_is_answered_by_the_nearest_and_by_all() -> None:
    message = str(unknown("task", "easy-vqq", ["digits", "easy-vqa"]))
    assert message == "unknown task 'easy-vqq'. Did you mean 'easy-vqa'? Known: digits, easy-vqa."


def test_no_guess_is_made_where_nothing_is_near() -> None:
    assert "Did you mean" not in str(unknown("task", "zzz", ["digits"]))


@pytest.mark.parametrize("seen", [None, 3, ("digits",)])
def test_what_was_seen_may_be_anything(seen: object) -> None:
    assert repr(seen) in str(unknown("task", seen, ["digits"]))
