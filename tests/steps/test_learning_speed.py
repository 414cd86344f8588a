from __future__ import annotations

import pytest

from atlas.metrics import Undefined
from atlas.steps.learning_speed import learning_speeds
from atlas.storage.step_result import StepResult


def test_it_is_the_mean_over_tasks_of_the_updates_to_ninety_percent() -> None:
    trained = {
        "a": StepResult(losses=((1, 2.0), (11, 1.0)), validations=((0, 10.0), (20, 50.0), (40, 60.0))),
        "b": StepResult(losses=((1, 2.0), (21, 1.0)), validations=((0, 10.0), (10, 20.0))),
    }
    assert learning_speeds(trained) == {
        "train/learning_speed": pytest.approx((10 + 19) / 2),
        "val/learning_speed": pytest.approx((30 + 9) / 2),
    }


def test_where_it_is_undefined_it_says_of_which_task_and_why() -> None:
    trained = {
        "a": StepResult(losses=((1, 2.0), (11, 1.0)), validations=()),
        "b": StepResult(losses=((1, 1.0), (11, 2.0)), validations=()),
    }
    assert learning_speeds(trained) == {
        "train/learning_speed": Undefined("b: the curve never gets better than it began"),
        "val/learning_speed": Undefined("a: nothing was validated while it was trained"),
    }
    assert learning_speeds({}) == dict.fromkeys(
        ("train/learning_speed", "val/learning_speed"), Undefined("no task was trained yet")
    )
