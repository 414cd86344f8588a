from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import TASKS, find_task


def test_a_head_has_one_logit_a_class_or_one_a_choice() -> None:
    assert TASKS["easy-vqa"].outputs == 13
    assert TASKS["easy-vqa"].classes == 13
    assert TASKS["piqa-twin"].outputs == 1
    assert TASKS["piqa-twin"].classes == 2


def test_a_known_task_is_found_by_name() -> None:
    assert find_task("digits") is TASKS["digits"]


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match="Did you mean 'easy-vqa'"):
        find_task("easy-vqaa")


def test_a_task_is_frozen_but_can_be_varied() -> None:
    assert replace(TASKS["digits"], version=2).version == 2


def test_the_catalogue_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'ray', 'mlflow', 'sklearn'}"
    code = f"import sys, atlas.tasks, atlas.data.prepare; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_address_that_names_no_python_file_is_told_as_one() -> None:
    with pytest.raises(AtlasError, match="'photos:TASK' is no address of a task of your own; give FILE.py:NAME"):
        find_task("photos:TASK")
