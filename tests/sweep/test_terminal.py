from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from rich.console import Console

from atlas.sweep.summary import FinishedSweep
from atlas.sweep.terminal import (
    print_downstream,
    print_next,
    print_order_statistics,
    print_plan,
    print_results,
    print_sharing,
    print_tasks,
)
from tests.report.conftest import settings_summary, typed


def test_the_plan_says_what_sharing_saves_and_how_long_it_takes(console: Console, ended: FinishedSweep) -> None:
    plan = replace(ended.plan, trainings=20, distinct=10, stored=3, seconds=125.0)
    print_plan(console, "order", "Which order?\nDetails.", plan, {"fleets": "2 of 1"})
    text = console.export_text()
    for phrase in ("Plan of the sweep order", "Which order?", "2 of 1", "sharing saves a factor of 2.00", "2 min 05 s"):
        assert phrase in text
    assert "about" not in text
    assert "Details." not in text


def test_a_plan_of_trials_that_are_drawn_on_the_way_says_about(console: Console, ended: FinishedSweep) -> None:
    print_plan(console, "order", "Which order?", replace(ended.plan, exact=False), {})
    assert f"about {ended.plan.distinct}" in console.export_text()


def test_a_plan_from_a_part_of_the_trials_says_so(console: Console, ended: FinishedSweep) -> None:
    print_plan(console, "order", "Which order?", replace(ended.plan, trials=5000, foreseen=200, exact=False), {})
    assert "200 of 5,000 trials" in console.export_text()
    print_plan(console, "order", "Which order?", ended.plan, {})
    assert "estimated from" not in console.export_text()


def test_a_plan_with_all_steps_in_the_store_has_nothing_to_train(console: Console, ended: FinishedSweep) -> None:
    print_plan(console, "order", "Which?", replace(ended.plan, stored=ended.plan.distinct, seconds=0.0), {})
    assert "nothing to train" in console.export_text()


def test_each_task_stands_beside_chance_and_its_references(console: Console, summary: dict[str, Any]) -> None:
    print_tasks(console, typed(summary))
    text = console.export_text()
    line = next(line for line in text.splitlines() if "digits" in line)
    assert "10.0" in line
    assert f"{summary['references']['lone']['0']['digits']['test']:.1f}" in line


def test_it_says_how_much_the_order_matters(console: Console, summary: dict[str, Any]) -> None:
    print_order_statistics(console, typed(summary))
    text = " ".join(console.export_text().split())
    assert "Order matters (test, route latest, 2 orders)" in text
    assert "route own" in text
    assert "val" not in text
    told = [part.split()[0] for part in text.partition("OPD: ")[2].partition(". Order")[0].split(", ")]
    assert told == list(summary["tasks"])


def test_it_says_what_sharing_saved(console: Console, summary: dict[str, Any]) -> None:
    ledger = {"steps_trained": 6, "steps_reused": 3, "seconds_trained": 10.0, "seconds_saved": 65.0}
    print_sharing(console, typed({**summary, "ledger": ledger}))
    text = " ".join(console.export_text().split())
    assert "the trials took 9 steps; 6 were trained now, 3 were there already. That saved 1 min 05 s" in text


def test_a_path_is_whole_on_its_line(console: Console) -> None:
    print_next(console, [("summary", "/a" * 150)])
    assert "/a" * 150 in console.export_text().splitlines()[0]


def test_probes_of_the_bare_backbone_alone_are_printed(console: Console, summary: dict[str, Any]) -> None:
    task = {"chance": 25.0, "score": "accuracy", "modality": "language", "fingerprint": "f", "counts": {}}
    bare = {"trial": "M_0", "order": [], "seed": 0, "task": "x", "way": "both", "shots": "4 records"}
    rows = [{**bare, "val": 30.0, "test": 31.5}]
    print_downstream(console, typed({**summary, "downstream": rows, "downstream_tasks": {"x": task}}))
    text = console.export_text()
    assert "31.5" in text
    assert "is best" not in text


def test_the_first_line_of_results_is_the_answer(console: Console) -> None:
    print_results(console, typed(settings_summary()))
    first = console.export_text().splitlines()[0]
    assert first.startswith("Best: bottleneck, learned, softmax, weighting whole, rank 16 (val ")
    assert " over 2 orders); rank 4 cannot be told apart (" in first


def test_a_narrow_terminal_cuts_no_figure_and_no_name() -> None:
    narrow = Console(record=True, width=80, file=io.StringIO())
    print_results(narrow, typed(settings_summary()))
    assert "…" not in narrow.export_text()


def test_order_matters_once_and_not_a_setting_each(console: Console) -> None:
    print_results(console, typed(settings_summary()))
    text = " ".join(console.export_text().split())
    assert text.count("Order matters") == 2  # a route each
    assert "2 orders; under the best setting)" in text
