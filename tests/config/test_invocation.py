from __future__ import annotations

import sys

import pytest

from atlas.config.invocation import Invocation


def test_it_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["my sweep.py", "--smoke"])
    assert Invocation.of_process() == Invocation(file="my sweep.py", arguments=("--smoke",))


def test_the_command_is_quoted_and_holds_no_password() -> None:
    invocation = Invocation(file="my sweep.py", arguments=("--tracking-uri", "postgresql://me:hunter2@db/atlas"))
    assert invocation.command == "python 'my sweep.py' --tracking-uri postgresql://***@db/atlas"


def test_the_command_to_resume_names_file_storage_and_sweep() -> None:
    command = Invocation(file="my sweep.py", arguments=("--smoke",)).resume_command("/a b", "order-1")
    assert command == "python 'my sweep.py' --storage '/a b' --resume order-1"
