from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from atlas.sweep.provenance import PACKAGES, code_digest, machine, provenance_of, versions


def test_an_origin_is_plain_and_names_no_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.py"
    file.write_text("x = 1\n")
    found = provenance_of(str(file))
    assert found.file_digest == hashlib.sha256(b"x = 1\n").hexdigest()
    document = json.loads(found.model_dump_json(exclude_unset=True))
    assert document.keys() == {"file_digest", "code", "recipe", "machine"}
    assert document["machine"].keys() == {"system", "processor", "cpus", "gpus", "joined"}
    assert str(tmp_path) not in json.dumps(document)


def test_what_is_no_file_has_no_digest() -> None:
    assert provenance_of("").file_digest == ""


def test_the_code_has_one_digest() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", code_digest())
    assert code_digest() == code_digest()


def test_versions_are_of_python_and_the_packages() -> None:
    assert versions().keys() == {"python", *PACKAGES}


def test_a_cluster_that_was_joined_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert not machine().joined
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    assert machine().joined


def test_kernels_that_a_person_chose_make_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert machine().processor.endswith(", default")
