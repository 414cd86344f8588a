"""`import atlas` is thin, and what it exports is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import atlas

ALONE = """
import sys
before = set(sys.modules)
import atlas
print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] == "atlas"))
print([name for name in ("torch", "ray", "mlflow", "pandas", "numpy", "pydantic") if name in sys.modules])
print(sorted(set(atlas.__all__) - set(dir(atlas))))
"""


def test_the_import_brings_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['atlas']", "[]", "[]"]


@pytest.mark.parametrize("name", atlas.__all__)
def test_an_exported_name_is_there_and_documented(name: str) -> None:
    assert getattr(atlas, name).__doc__


def test_another_name_is_no_attribute() -> None:
    assert not hasattr(atlas, "swep")
    assert atlas.__version__[0].isdigit()
