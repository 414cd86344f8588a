from __future__ import annotations

from atlas.sweep.summary import FinishedSweep
from atlas.sweep.timeline import timeline


def test_only_own_steps_with_a_time_are_on_it_each_once_by_when_they_began(ended: FinishedSweep) -> None:
    (walk,) = ended.trials[0].walks
    first, second, third = ended.inputs.graph.every_step(walk)
    result = ended.inputs.store.result(first.key)
    when = {"began": 20.0, "ended": 25.0, "run": "now"}
    early = result.model_copy(update={**when, "began": 10.0})
    late = result.model_copy(update=when)
    results = [(second, late), (first, early), (first, early)]
    results += [(third, result.model_copy(update={**when, "run": "elsewhere"}))]
    results += [(third, result.model_copy(update={**when, "began": 0.0}))]
    found = timeline(results, {first.key: "x-fleet-0"}, runs={"now"})
    assert [(one.key, one.fleet) for one in found] == [(first.key, "x-fleet-0"), (second.key, "")]
    assert found[0].title == first.title
