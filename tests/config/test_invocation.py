from __future__ import annotations

import sys

import pytest

from atlas.config.invocation import Invocation, called_by_name


def test_it_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["my sweep.py", "--smoke"])
    assert Invocation.of_process() == Invocation(file="my sweep.py", arguments=("--smoke",))


def test_the_command_is_quoted_and_holds_no_password() -> None:
    invocation = Invocation(file="my sweep.py", arguments=("--tracking-uri", "postgresql://me:hunter2@db/atlas"))
    assert invocation.command == "python 'my sweep.py' --tracking-uri postgresql://***@db/atlas"


def test_the_command_to_resume_names_file_storage_and_sweep() -> None:
    command = Invocation(file="my sweep.py", arguments=("--smoke",)).resume_command("/a b", "order-1")
    assert command == "python 'my sweep.py' --storage '/a b' --resume order-1"


def test_a_shipped_sweep_is_called_by_its_name_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/an/environment/task_order.py", "--smoke"])
    with called_by_name("task-order"):
        invocation = Invocation.of_process()
    assert invocation.file == "/an/environment/task_order.py"
    assert invocation.command == "atlas sweep task-order --smoke"
    assert invocation.resume_command("/a b", "order-1") == "atlas sweep task-order --storage '/a b' --resume order-1"
    assert Invocation.of_process().shipped == ""
