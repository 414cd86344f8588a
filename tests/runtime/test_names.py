from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from atlas.learners import LEARNERS
from atlas.runtime.errors import UserError
from atlas.runtime.names import LONGEST, RESERVED_MODULES, check_name, check_parameter_name, check_task_name, file_name
from atlas.tasks import TASKS

BAD = (
    *("", " ", "a/b", "../up", "/abs", "..", ".", "a.b", ".hidden", "-dash", "--tasks", "_x", "a,b", "a=b", "a%41"),
    *("a#b", "a?b", "a'b", 'a"b', "a:b", "a\\b", "a\nb", "a\tb", "a  b", "a ", "[red]x", "a > b", "2024", "1_000"),
    *("e\u0301", "a\x00b", "~user", "$HOME", "a`b", "*", "a;b"),
)


@pytest.mark.parametrize("name", BAD)
def test_ambiguous_names_are_refused_in_one_line_with_the_rule_and_a_name_that_is_allowed(name: str) -> None:
    with pytest.raises(UserError) as refused:
        check_task_name(name)
    said = str(refused.value)
    assert said.startswith(f"the task's name is {name!r}; give one of letters, digits, ")
    assert "\n" not in said
    proposed = re.search(r"such as '(.+)'\.$", said)
    assert proposed is not None
    assert check_task_name(proposed[1])


@pytest.mark.parametrize(
    "name", ["photos", "my photos", "Häuser-2", "数字", "vcr_marked", "2nd-task", "a--b", "x" * LONGEST]
)
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert check_task_name(name) == file_name(name) == name


@pytest.mark.parametrize("name", [None, 3, 2.5, b"photos", ("a",)])
def test_names_that_are_no_text_are_refused(name: object) -> None:
    with pytest.raises(UserError, match="give a text of letters"):
        check_name("learner", name)


def test_names_that_are_too_long_for_a_folder_are_refused() -> None:
    with pytest.raises(UserError, match="has 102 bytes; give 100 at most"):
        check_name("task", "é" * 51)


@pytest.mark.parametrize("name", ["keys", "pop", "forward", "training", "base_layer", "atlas_down", "weight"])
def test_names_of_torch_and_peft_are_refused_for_tasks_with_another(name: str) -> None:
    with pytest.raises(UserError, match=f"torch and PEFT use themselves; give another, such as 'task-{name}'"):
        check_task_name(name)


@pytest.mark.parametrize(("name", "why"), [("all", "every order"), ("processor", "folder of an export")])
def test_words_that_mean_something_else_in_a_tasks_place_are_refused(name: str, why: str) -> None:
    with pytest.raises(UserError, match=f"name is '{name}', which .*{why}.*; give another, such as 'task-{name}'"):
        check_task_name(name)
    assert check_task_name(f"{name}s") == f"{name}s"


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "../x", "a/b", "/a", ".", "..", "a.", ".a", "-a", "a,b", "a=b", "50%", "a#b", "a?b", "[red]x[/x]"),
        *("a\nb", "a(log)", "'a'", "x" * 101),
    ],
)
def test_parameters_that_tune_or_mlflow_could_not_keep_are_refused_with_one_that_they_keep(name: str) -> None:
    with pytest.raises(UserError, match="the sweep mine suggests a parameter named") as refused:
        check_parameter_name(name, "mine")
    proposed = re.search(r"such as '(.+)'\.$", str(refused.value))
    assert proposed is not None
    check_parameter_name(proposed[1], "mine")


@pytest.mark.parametrize("name", ["rank", "stage_1", "_x", "learning rate", "lr.query", "a-b", "a: b", "größe", "2"])
def test_plain_names_of_parameters_stay(name: str) -> None:
    check_parameter_name(name, "mine")


def test_the_reserved_names_are_those_of_this_torch() -> None:
    attributes = {name for kind in (nn.ModuleDict, nn.ParameterDict) for name in dir(kind())}
    assert {name for name in attributes if not name.startswith("_")} <= RESERVED_MODULES


def test_the_catalogues_keep_the_rule() -> None:
    for task in TASKS:
        assert check_task_name(task) == file_name(task)
    for learner in LEARNERS:
        assert check_name("learner", learner)


@given(st.text(max_size=300))
def test_a_file_name_is_one_plain_part_of_a_path(name: str) -> None:
    found = file_name(name)
    assert Path(found).name == found
    assert not set("/\\:#%?*'\"<>|=,&\n\0") & set(found)
    assert 0 < len(found.encode()) <= LONGEST
    assert file_name(found) == found


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_names_have_different_files(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other) or file_name(one) in (one, other)
