"""Types of options that Python code gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlas.config.options import Options
from atlas.runtime.errors import UserError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tasks": "digits"}, "tasks is 'digits'; give a list of texts."),
        ({"before": "digits,easy-ve"}, "before is 'digits,easy-ve'; give a list of texts."),
        ({"orders": 3}, "orders is 3; give a list of texts."),
        ({"seeds": 0}, "seeds is 0; give a list of whole numbers."),
        ({"shots": (16,)}, "shots is (16,); give a list of texts."),
        ({"evaluate": (5,)}, "evaluate is (5,); give a list of 2 whole numbers."),
        ({"evaluate": ("5", "6")}, "give a list of 2 whole numbers."),
        ({"backbone": None}, "backbone is None; give a text."),
        ({"suite": None}, "suite is None; give a text."),
        ({"deterministic": "no"}, "deterministic is 'no'; give True or False."),
        ({"budget": 5}, "budget is 5; give a text or None."),
        ({"resume": True}, "resume is True; give a text or None."),
        ({"weights": None}, "weights is None; give 'auto' or 'float32' or 'bfloat16' or '8-bit' or '4-bit'."),
        ({"weights": "int8"}, "weights is 'int8'; give 'auto' or 'float32' or 'bfloat16' or '8-bit' or '4-bit'."),
        ({"loaders": 1.5}, "loaders is 1.5; give a whole number or None."),
        ({"loaders": True}, "loaders is True; give a whole number or None."),
        ({"fleets": "2"}, "fleets is '2'; give a whole number or None."),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; give a number or None."),
        ({"steps": "5"}, "--steps is '5'; give a whole number of 1 or more."),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        Options.of(**given)
    assert message in str(refused.value)


def test_lists_paths_and_numbers_of_numpy_are_taken() -> None:
    options = Options.of(tasks=["digits"], backbone=Path("/models/x"), steps=np.int64(5), seeds=[np.int64(1)], epochs=2)
    assert Options.of(seeds=range(3)).search.seeds == (0, 1, 2)
    assert (options.search.tasks, options.training.backbone, options.training.steps) == (("digits",), "/models/x", 5)
