from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from atlas.config.command_line import read_command_line
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import ClusterOverrides, repeatable, replay_of
from atlas.runtime.errors import AtlasError
from atlas.search.proposals import foresee, is_exact
from atlas.sweep.file import load_sweep
from tests.reproduce.conftest import SMALL, SWEEPS, recorded_of

FILE = SWEEPS / "task_order.py"


def keys(recorded: RecordedRun, replay: Any) -> list[set[str]]:
    trials = foresee(replay.experiment).trials
    return [{step.key for walk in walks for step in walk.every_step(recorded.step_inputs)} for walks in trials]


def test_the_recorded_orders_are_walked_whatever_a_search_would_propose(summary: dict[str, Any]) -> None:
    summary["trials"].reverse()
    recorded = recorded_of(summary)
    replay = replay_of(recorded, FILE, ClusterOverrides())
    assert replay.options.search.orders == tuple(",".join(row.order) for row in recorded.trials)
    assert keys(recorded, replay) == [set(row.step_keys) for row in recorded.trials]
    assert is_exact(replay.experiment)


def test_the_command_says_the_same_on_a_command_line(recorded: RecordedRun, tmp_path: Path) -> None:
    replay = replay_of(recorded, FILE, ClusterOverrides()).at(tmp_path)
    assert replay.invocation.file == str(FILE)
    arguments = replay.invocation.arguments
    assert read_command_line("", replay.experiment.sweep.defaults, arguments).options == replay.options


def test_a_sweep_of_ones_own_takes_the_recorded_settings(invent: Callable[..., Any], own_file: Path) -> None:
    recorded = recorded_of(invent(own_file, *SMALL, "--seeds", "0", "3", "--orders", "2"))
    assert len(recorded.trials) == 8
    replay = replay_of(recorded, own_file, ClusterOverrides())
    assert [dict(point) for point in replay.experiment.sweep.points] == [rows[0].settings for rows in recorded.groups]
    taken = [{key for row in rows for key in row.step_keys} for rows in recorded.groups]
    assert keys(recorded, replay) == taken


def test_a_sampler_that_proposed_the_orders_is_not_asked_again(invent: Callable[..., Any]) -> None:
    recorded = recorded_of(invent(FILE, *SMALL, "--sampler", "orders"))
    replay = replay_of(recorded, FILE, ClusterOverrides())
    replay.experiment.check()
    assert keys(recorded, replay) == [set(row.step_keys) for row in recorded.trials]
    assert is_exact(replay.experiment)


def test_an_interrupted_trial_is_walked_whole(summary: dict[str, Any]) -> None:
    summary["trials"][1]["step_keys"] = summary["trials"][1]["step_keys"][:1]
    recorded = recorded_of(summary)
    assert keys(recorded, replay_of(recorded, FILE, ClusterOverrides()))[1] > set(summary["trials"][1]["step_keys"])


def test_a_trial_of_a_run_is_replay_alone(recorded: RecordedRun) -> None:
    replay = replay_of(recorded.narrowed("t1"), FILE, ClusterOverrides())
    assert replay.options.search.orders == (",".join(recorded.trials[1].order),)


def test_the_precision_is_that_in_which_the_steps_have_their_keys(invent: Callable[..., Any]) -> None:
    recorded = recorded_of(invent(FILE, *SMALL, precision="bfloat16"))
    replay = replay_of(recorded, FILE, ClusterOverrides())
    assert (replay.experiment.precision, replay.options.cluster.gpus_per_worker) == ("bfloat16", 1.0)
    assert replay.options.training.precision == "bfloat16"
    assert replay_of(recorded, FILE, ClusterOverrides(gpus_per_worker=0.5)).options.cluster.gpus_per_worker == 0.5


def test_float32_is_learnt_without_gpus(recorded: RecordedRun) -> None:
    replay = replay_of(recorded, FILE, ClusterOverrides(fleets=1))
    assert (replay.experiment.precision, replay.options.cluster.gpus_per_worker, replay.options.cluster.fleets) == (
        "float32",
        0.0,
        1,
    )


def test_steps_that_this_version_would_not_take_are_refused(summary: dict[str, Any]) -> None:
    summary["trials"][1]["step_keys"][-1] = "f" * 64
    with pytest.raises(AtlasError, match=r"the step ffffffffffff of trial t1 .*nothing was trained"):
        replay_of(recorded_of(summary), FILE, ClusterOverrides())


def test_a_run_of_adapters_that_were_computed_otherwise_is_refused_where_they_decide(
    invent: Callable[..., Any],
) -> None:
    for learner, refused in (("atlas", True), ("fine-tuning", False)):
        given = (*SMALL, "--backbone", "clip-tiny", "--learner", learner)
        replay_of(recorded_of(invent(FILE, *given)), FILE, ClusterOverrides())
        before = recorded_of(invent(FILE, *given, revised=False))
        with pytest.raises(AtlasError, match="mean something else in this version") if refused else nullcontext():
            replay_of(before, FILE, ClusterOverrides())


def test_a_run_with_a_reference_is_replayed_with_its_data(invent: Callable[..., Any]) -> None:
    recorded = recorded_of(invent(FILE, *SMALL, "--learner", "zscl", "--reference", "easy-vqa"))
    replay = replay_of(recorded, FILE, ClusterOverrides())
    assert replay.options.search.reference == "easy-vqa"
    assert recorded.fingerprints.keys() == {"digits", "piqa-twin", "easy-vqa"}
    assert keys(recorded, replay) == [set(row.step_keys) for row in recorded.trials]


def test_another_sweeps_file_is_refused(recorded: RecordedRun, own_file: Path) -> None:
    with pytest.raises(AtlasError, match="defines the sweep 'rank', the run is of 'task-order'"):
        replay_of(recorded, own_file, ClusterOverrides())


def test_settings_that_the_file_no_longer_offers_are_refused(invent: Callable[..., Any], own_file: Path) -> None:
    summary = invent(own_file, *SMALL)
    own_file.write_text(own_file.read_text().replace("[4, 16, 48]", "[5]"))
    with pytest.raises(AtlasError, match=r"cannot take the recorded settings|is none of this trial's"):
        replay_of(recorded_of(summary), own_file, ClusterOverrides())


def test_the_command_to_publish_leaves_out_what_belongs_to_one_machine(summary: dict[str, Any]) -> None:
    words = [*SMALL, "--stor", "/x", "--tracking-uri=http://***@h", "--smoke"]
    summary["sweep"]["command"] = shlex.join(["python", str(FILE), *words])
    assert repeatable(recorded_of(summary), load_sweep(FILE).defaults) == [*SMALL, "--smoke"]


def test_the_command_of_a_resumed_run_comes_from_its_settings(summary: dict[str, Any]) -> None:
    defaults = load_sweep(FILE).defaults
    summary["sweep"]["command"] = f"python {FILE} --storage /x --resume"
    summary["settings"] |= {"storage": "/x", "resume": "a-sweep", "sharing": False}
    words = repeatable(recorded_of(summary), defaults)
    assert words == [*SMALL, "--no-sharing"]
    options = read_command_line("", defaults, words).options
    assert options == recorded_of(summary).options.changed(storage="", resume=None)


def test_the_command_of_a_run_with_a_file_of_options_comes_from_its_settings(summary: dict[str, Any]) -> None:
    summary["sweep"]["command"] = f"python {FILE} --storage /x --config mine.yaml"
    assert repeatable(recorded_of(summary), load_sweep(FILE).defaults) == list(SMALL)


def test_the_seeds_that_a_search_chose_are_walked_again_and_no_others(invent: Callable[..., Any]) -> None:
    given = ("--seeds", "4", "7", "--seeds-as-needed", "--trials", "3", "--sampler", "orders")
    found = invent(FILE, *SMALL, *given)
    assert (
        sorted((tuple(row["order"]), row["seed"]) for row in found["trials"])[1:]
        == sorted({(tuple(row["order"]), row["seed"]) for row in found["trials"]})[1:]
    )
    recorded = recorded_of(found)
    replay = replay_of(recorded, FILE, ClusterOverrides())
    assert replay.options.search.orders == ()
    assert keys(recorded, replay) == [set(row.step_keys) for row in recorded.trials]
