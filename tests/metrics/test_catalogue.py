from __future__ import annotations

import inspect
import re
from pathlib import Path

from atlas import metrics
from atlas.metrics import METRICS

HOUSE = Path(metrics.__file__).parents[1]
LOOKUP = "find_metric"  # for a person's own code


def test_every_exported_metric_is_shown_or_used() -> None:
    """A figure that is defined, exported and tested, but that no table and no other part takes, is none."""
    exported = {name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))}
    shown = {metric.formula.__name__ for metric in METRICS.values() if metric.shown}
    paths = [path for path in HOUSE.rglob("*.py") if path.name != "__init__.py"]
    text = "\n".join(path.read_text() for path in paths)
    used = {name for name in exported if re.search(rf"(?<!def )\b{name}\(", text)}
    assert exported - shown - used == {LOOKUP}


def test_every_metric_of_the_registry_has_a_definition_and_a_place() -> None:
    assert all(metric.shown and metric.definition and metric.routes for metric in METRICS.values())
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)
