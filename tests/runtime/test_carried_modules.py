"""Modules beside a user's file, where neither the file nor they are."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

from atlas.runtime.carried_modules import carried_modules

LOADED = "import json, pickle, sys; pickle.loads(sys.stdin.buffer.read()); "


def elsewhere(packed: bytes, code: str, folder: Path) -> object:
    """What another process prints that has unpickled them."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED + code], input=packed, capture_output=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_modules_and_packages_are_imported_where_their_files_are_not(tmp_path: Path) -> None:
    own = tmp_path / "own #1"
    (own / "mine_package").mkdir(parents=True)
    (own / "main.py").write_text("def later():\n    import mine_late\n    return mine_late.late\n")
    (own / "mine_late.py").write_bytes(
        "# coding: latin-1\nfrom mine_package.deep import late\nname = 'é'\n".encode("latin-1")
    )
    (own / "mine_package" / "__init__.py").write_text("number = 7\n")
    (own / "mine_package" / "deep.py").write_text(
        "from . import number\nlate = number\ndef fail():\n    return 1 / 0\n"
    )
    (own / "json.py").write_text("raise SystemExit(3)")
    packed = pickle.dumps(carried_modules(own / "main.py"))
    shutil.rmtree(own)
    code = """
import mine_late, mine_package.deep, traceback
try:
    mine_package.deep.fail()
except ZeroDivisionError as error:
    frame = traceback.extract_tb(error.__traceback__)[-1]
print(json.dumps([mine_late.late, mine_late.name, frame.filename, frame.lineno]))
"""
    assert elsewhere(packed, code, tmp_path) == [7, "é", str(own / "mine_package" / "deep.py"), 4]


def test_a_module_that_is_there_comes_first(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import mine_words")
    (tmp_path / "mine_words.py").write_text("words = 'carried'")
    packed = pickle.dumps(carried_modules(tmp_path / "main.py"))
    (tmp_path / "mine_words.py").write_text("words = 'there'")
    assert elsewhere(packed, "import mine_words; print(json.dumps(mine_words.words))", tmp_path) == "there"


def test_a_file_without_modules_carries_none(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import json, torch\n")
    assert carried_modules(tmp_path / "main.py").sources == {}
