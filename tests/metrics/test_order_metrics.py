from __future__ import annotations

import math

import pytest

from atlas.metrics import METRICS, Undefined, order_metrics
from atlas.metrics.metric import ROUTES

NAN = math.nan
LATEST = [[80, NAN], [70, 90]]
OWN = [[80, NAN], [80, 90]]


def test_the_metrics_of_an_order_worked_out_by_hand() -> None:
    found = order_metrics(LATEST, OWN, [100, 90], chance=[50, 50], joint=[84, 92])
    assert found["latest/average_accuracy"] == pytest.approx(80)
    assert found["own/average_accuracy"] == pytest.approx(85)
    assert found["latest/forgetting"] == pytest.approx(10)
    assert found["own/forgetting"] == pytest.approx(0)
    assert found["latest/backward_transfer"] == pytest.approx(-10)
    assert found["latest/average_anytime_accuracy"] == pytest.approx(80)
    assert found["latest/relative_accuracy"] == pytest.approx((70 + 100) / 2)
    assert found["latest/forgetting_transfer"] == pytest.approx(100 * (80 - 70) / (80 - 50))
    assert found["latest/upstream_knowledge_transfer"] == pytest.approx(0)
    assert found["latest/intransigence"] == pytest.approx((4 + 2) / 2)
    assert found["latest/intransigence_to_lone"] == pytest.approx((20 + 0) / 2)
    ahead = ("forward_transfer", "future_accuracy", "mtil_transfer", "transfer_over_zero_shot", "mtil_average")
    assert set(found.undefined) == {f"latest/{name}" for name in ahead}


def test_what_is_undefined_is_none_and_says_why() -> None:
    found = order_metrics([[80]], None)
    assert found["latest/forgetting"] is None
    assert found.undefined["latest/forgetting"] == "it takes two tasks"
    assert found.undefined["latest/relative_accuracy"] == "no adapter was trained alone"
    assert found.undefined["latest/intransigence"] == "no joint model was trained on the tasks up to each one"
    assert "own/average_accuracy" not in found.values


def test_the_untrained_head_is_what_forward_transfer_is_measured_from() -> None:
    found = order_metrics([[80, 40], [70, 90]], None, untrained=[50, 30])
    assert found["latest/forward_transfer"] == pytest.approx(40 - 30)
    assert order_metrics([[80, 40], [70, 90]], None, untrained=[50, None]).undefined["latest/forward_transfer"]


def test_every_metric_is_reported_on_its_routes() -> None:
    found = order_metrics(LATEST, OWN, free=LATEST)
    assert set(found.values) == {f"{route}/{metric.name}" for metric in METRICS.values() for route in metric.routes}
    assert set(found.defined) | set(found.undefined) == set(found.values)
    assert {route for metric in METRICS.values() for route in metric.routes} == set(ROUTES)


def test_route_free_is_measured_from_the_bare_backbone_among_as_many_classes() -> None:
    found = order_metrics(
        [[80, 40], [70, 90]], None, untrained=[50, 30], free=[[60, 20], [50, 70]], free_untrained=[9, 15]
    )
    assert (found["latest/transfer_over_zero_shot"], found["free/transfer_over_zero_shot"]) == (10, 5)
    assert (found["free/mtil_transfer"], found["free/mtil_average"], found["free/mtil_last"]) == (20, 50, 60)
    assert found["free/forgetting"] == 10
    assert "free/relative_accuracy" not in found.values  # an adapter trained alone has its own classes alone
    assert not any(name.startswith("free/") for name in order_metrics(LATEST, OWN).values)


def test_tracking_is_told_of_its_metrics_alone() -> None:
    shown = order_metrics(LATEST, OWN, [100, 90]).shown("tracking")
    assert "latest/forgetting" in shown.values
    assert "latest/remembering" not in shown.values
    assert not isinstance(shown.values["own/average_accuracy"], Undefined)
