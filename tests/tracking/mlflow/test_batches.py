from __future__ import annotations

from atlas.tracking.mlflow.batches import flat, is_number


def test_nested_settings_get_dotted_names() -> None:
    assert dict(flat({"a": {"b": 1, "c": {"d": [1]}}, "e": {}})) == {"a.b": 1, "a.c.d": [1], "e": {}}


def test_finite_numbers_are_metrics_and_booleans_are_not() -> None:
    assert [is_number(value) for value in (1, 0.5, True, "1", None, float("nan"), float("inf"))] == [
        *(True, True),
        *(False,) * 5,
    ]
