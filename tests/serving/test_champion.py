from __future__ import annotations

from dataclasses import replace

import pytest

from atlas.serving.champion import Merit, reason_to_stay

MERIT = Merit(
    tasks=("digits", "vqa"), score="latest/average_accuracy", title="average accuracy", records="1234", value=70.0
)


def test_the_first_model_with_a_score_becomes_the_champion() -> None:
    assert reason_to_stay(MERIT, None) == ""


def test_a_better_model_of_the_same_tasks_takes_it_and_an_equal_or_worse_one_does_not() -> None:
    assert reason_to_stay(replace(MERIT, value=70.1, tasks=("vqa", "digits")), MERIT.tags()) == ""
    assert reason_to_stay(MERIT, MERIT.tags()) == "its score on val is 70.00, this one's 70.00"
    assert "70.00, this one's 69.90" in reason_to_stay(replace(MERIT, value=69.9), MERIT.tags())


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"tasks": ("digits",)}, "it is of the tasks digits, vqa, this one of digits"),
        ({"score": "downstream/mean"}, "it was scored by latest/average_accuracy, this one by downstream/mean"),
        ({"records": "5678"}, "it was scored on other records than this one"),
        ({"smoke": True}, "a smoke run's model never takes it"),
        ({"value": None}, "this one has no score"),
    ],
)
def test_a_model_that_cannot_be_compared_leaves_it_where_it_is(changed: dict[str, object], why: str) -> None:
    better = replace(MERIT, **{"value": 99.0, **changed})  # type: ignore[arg-type]
    assert reason_to_stay(better, MERIT.tags()) == why


def test_a_smoke_run_takes_it_from_no_one_and_a_champion_without_a_score_keeps_it() -> None:
    assert reason_to_stay(replace(MERIT, smoke=True), None)
    assert reason_to_stay(MERIT, {"sweep": "old"}) == "it does not say how it was scored"
    assert reason_to_stay(None, None)
