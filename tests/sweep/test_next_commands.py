from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.config.invocation import Invocation
from atlas.config.options import Options
from atlas.report.page import render_page
from atlas.report.summary import Summary
from atlas.search.proposals import foresee
from atlas.sweep.next_commands import next_commands
from atlas.sweep.summary import FinishedSweep, summarise
from atlas.sweep.sweep_run import SweepRun
from tests.finished import TASKS
from tests.sweep.parts import run_of

BOTH = [",".join(TASKS), ",".join(TASKS[::-1])]


def tied(ended: FinishedSweep) -> Summary:
    """The summary, with the same scores after both orders."""
    summary = summarise(ended)
    first, second = summary.trials
    return summary.model_copy(update={"trials": (first, second.model_copy(update={"R": first.R}))})


@pytest.fixture
def run(ended: FinishedSweep, tmp_path: Path) -> SweepRun:
    invocation = Invocation(file="sweeps/order.py", arguments=("--orders", "all", "--tasks", *TASKS, "--seed=0"))
    return replace(run_of(ended, tmp_path / "storage"), invocation=invocation)


def test_tied_orders_get_more_seeds_with_the_steps_that_the_store_lacks(run: SweepRun, ended: FinishedSweep) -> None:
    (found,) = next_commands(run, tied(ended))
    words = shlex.split(found.command)
    assert words[:2] == ["python", "sweeps/order.py"]
    assert words[2 : 2 + 1 + len(TASKS)] == ["--tasks", *TASKS]
    assert set(words[words.index("--orders") + 1 : words.index("--orders") + 3]) == set(BOTH)
    assert words[words.index("--seeds") + 1 :] == ["0", "1", "2"]
    assert "all" not in words
    assert "--seed=0" not in words
    options = run.experiment.options.changed(orders=tuple(BOTH), seeds=(0, 1, 2), trials=None)
    experiment = replace(run.experiment, options=options)
    steps = run.inputs.graph.distinct([*foresee(experiment).walks, *experiment.auxiliary_walks()])
    stored = run.inputs.store.has([step.key for step in steps])
    assert stored, "the trials of the first seed are there"
    assert found.steps == len(steps) - len(stored)
    assert found.exact
    assert found.cost.startswith(f"{found.steps} steps, about ")


def as_needed(run: SweepRun, seeds: tuple[int, ...]) -> SweepRun:
    """The sweep as if it had taken so many seeds as needed."""
    options = run.experiment.options.changed(seeds=seeds, seeds_as_needed=True, orders=(), trials=3)
    words = (*run.invocation.arguments[2:-1], "--seeds", *map(str, seeds), "--seeds-as-needed", "--trials=3")
    invocation = replace(run.invocation, arguments=words)
    return replace(run, experiment=replace(run.experiment, options=options), invocation=invocation)


def test_with_seeds_as_needed_the_best_orders_get_the_seeds_that_they_lack(run: SweepRun, ended: FinishedSweep) -> None:
    """Each of both orders, which are tied, has one of two seeds."""
    summary = tied(ended).model_copy(update={"seeds": (0, 1)})
    (found,) = next_commands(as_needed(run, (0, 1)), summary)
    words = shlex.split(found.command)
    assert found.why == "the best 2 orders, with the seeds that 2 of them lack"
    assert {"--seeds-as-needed", "--trials=3"}.isdisjoint(words)
    assert set(words[words.index("--orders") + 1 : words.index("--orders") + 3]) == set(BOTH)
    assert words[words.index("--seeds") + 1 :] == ["0", "1"]
    assert found.steps > 0
    assert found.exact


def test_with_seeds_as_needed_orders_that_have_all_and_are_tied_get_more(run: SweepRun, ended: FinishedSweep) -> None:
    (found,) = next_commands(as_needed(run, (0,)), tied(ended))
    assert found.why == "the best 2 orders, with more seeds"
    assert shlex.split(found.command)[-4:] == ["--seeds", "0", "1", "2"]


def test_the_page_has_them(run: SweepRun, ended: FinishedSweep) -> None:
    summary = tied(ended)
    found = next_commands(run, summary)
    text = render_page(summary.model_copy(update={"next": found}))
    assert "What to try next" in text
    assert found[0].cost in text
    assert "What to try next" not in render_page(summary)


def test_a_command_that_resumed_is_written_out(run: SweepRun, ended: FinishedSweep) -> None:
    resumed = replace(run, invocation=Invocation(file="sweeps/order.py", arguments=("--resume", "order-1")))
    (found,) = next_commands(resumed, tied(ended))
    assert "--resume" not in found.command
    assert f"--tasks {' '.join(TASKS)}" in found.command
    assert "--seeds 0 1 2" in found.command


def test_where_one_order_is_clearly_best_and_none_is_left_there_is_nothing_to_try(
    run: SweepRun, ended: FinishedSweep
) -> None:
    assert next_commands(run, summarise(ended)) == ()


def test_a_sweep_that_did_not_finish_or_is_a_smoke_run_has_none(run: SweepRun, ended: FinishedSweep) -> None:
    summary = tied(ended)
    killed = summary.model_copy(update={"sweep": summary.sweep.model_copy(update={"status": "KILLED"})})
    assert next_commands(run, killed) == ()
    smoke = replace(run.experiment, options=Options.of(tasks=TASKS, smoke=True))
    assert next_commands(replace(run, experiment=smoke), summary) == ()
