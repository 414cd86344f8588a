from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas import metrics
from atlas.learners import Joint
from atlas.metrics import Undefined
from atlas.report import write_report, write_summary
from atlas.report.summary import SCHEMA, document_of, summary_from
from atlas.runtime.errors import AtlasError
from atlas.search.trial_record import TrialRecord
from atlas.storage.artifact import marker_of
from atlas.storage.score_names import SPLITS, TOLD
from atlas.storage.store import Store
from atlas.sweep.fusion_weights import sweep_fusion_weights
from atlas.sweep.summary import FinishedSweep, summarise
from tests.finished import SWEEP, TASKS, learnt_trial, make_inputs
from tests.report.conftest import typed
from tests.small import SCHEDULE, World


def written(ended: FinishedSweep) -> dict[str, Any]:
    """The sweep's summary as its file holds it, once it was checked."""
    document = document_of(summarise(ended))
    summary_from(document, "the summary")
    return document


@pytest.fixture(scope="module")
def summary(ended: FinishedSweep) -> dict[str, Any]:
    return written(ended)


def test_the_summary_is_as_documented(summary: dict[str, Any], tmp_path: Path) -> None:
    assert summary["schema"] == SCHEMA
    write_summary(typed(summary), tmp_path / "summary.json")
    assert write_report(typed(summary), tmp_path)[0].exists()


def test_a_task_that_is_read_alone_stands_beside_those_that_are_learnt(
    ended: FinishedSweep, small_world: World
) -> None:
    """A reproduction compares its data, too."""
    (further, *_) = small_world.prepared.keys() - set(TASKS)
    prepared = {**ended.inputs.prepared, further: small_world.prepared[further]}
    read = replace(
        ended, options=ended.options.changed(reference=further), inputs=replace(ended.inputs, prepared=prepared)
    )
    document = written(read)
    assert document["read_tasks"].keys() == {further}
    assert document["tasks"].keys() == set(TASKS)
    assert typed(document).all_tasks[further].fingerprint == prepared[further].fingerprint
    assert "read_tasks" not in written(ended)


def test_the_matrices_are_what_the_steps_scored(ended: FinishedSweep, summary: dict[str, Any]) -> None:
    for record, row in zip(ended.trials, summary["trials"], strict=True):
        (walk,) = record.walks
        last = ended.inputs.store.result(walk.steps(ended.inputs.step_inputs)[-1][-1].key).scores
        for split in SPLITS:
            for route in TOLD:
                R = row["R"][split][route]
                assert R[1] == [last.of(route).of(split)[task] for task in walk.order]
                assert R[0][1] is None
        assert row["step_keys"] == record.steps[0]


def test_the_best_is_chosen_by_validation_and_reported_on_test(summary: dict[str, Any]) -> None:
    finals = {row["id"]: row["metrics"]["val/latest/average_accuracy"] for row in summary["trials"]}
    best = summary["best"]
    assert best["val"] == max(finals.values())
    (chosen,) = (row for row in summary["trials"] if row["id"] == best["trial"])
    assert best["test"] == chosen["metrics"]["test/latest/average_accuracy"]


def test_learning_speed_is_that_of_each_tasks_last_stage_and_says_why_where_there_is_none(
    ended: FinishedSweep, summary: dict[str, Any]
) -> None:
    record, row = ended.trials[0], summary["trials"][0]
    (walk,) = record.walks
    facts = [ended.inputs.store.result(stages[-1].key) for stages in walk.steps(ended.inputs.step_inputs)]
    found = [metrics.learning_speed(fact.losses, rising=False) for fact in facts]
    bad = [task for task, one in zip(walk.order, found, strict=True) if isinstance(one, Undefined)]
    if bad:
        assert row["metrics"]["train/learning_speed"]["undefined"].startswith(f"{bad[0]}: ")
    else:
        assert row["metrics"]["train/learning_speed"] == pytest.approx(sum(map(float, found)) / 2)
    assert "nothing was validated" in row["metrics"]["val/learning_speed"]["undefined"]


def test_joint_trials_are_what_intransigence_compares_with(
    ended: FinishedSweep, small_world: World, tmp_path: Path
) -> None:
    assert "joint" not in written(ended)
    joint = replace(SWEEP, learner=lambda trial, options: Joint(schedule=SCHEDULE))
    shutil.copytree(ended.inputs.store.root, tmp_path / "store")
    inputs = replace(ended.inputs, store=Store.open(str(tmp_path / "store")))
    together = learnt_trial(small_world, inputs, 2, TASKS, joint)
    found = written(replace(ended, inputs=inputs, trials=[*ended.trials, together]))
    assert [row["tasks"] for row in found["joint"]] == [[TASKS[0]], sorted(TASKS)]
    first, other, own = found["trials"]
    R, J = (row["R"]["test"]["latest"] for row in (first, own))
    assert first["metrics"]["test/latest/intransigence"] == pytest.approx((J[0][0] - R[0][0] + J[1][1] - R[1][1]) / 2)
    assert own["metrics"]["test/latest/intransigence"] == pytest.approx(0)
    assert "no joint model" in other["metrics"]["test/latest/intransigence"]["undefined"]


def test_references_are_there_for_each_task(summary: dict[str, Any]) -> None:
    assert set(summary["references"]) == {"lone", "head_only", "untrained"}
    for found in summary["references"].values():
        assert set(found["0"]) == set(TASKS)


def test_every_step_that_a_trial_took_was_trained_now_or_used_again(
    ended: FinishedSweep, summary: dict[str, Any]
) -> None:
    ledger = summary["ledger"]
    assert (ledger["steps_trained"], ledger["steps_reused"]) == (6, 0)
    seconds = [ended.inputs.store.result(key).cost.seconds for t in ended.trials for key in t.steps[0]]
    assert ledger["seconds_trained"] == pytest.approx(sum(seconds))
    both = {key for trial in ended.trials for key in trial.steps[0]} & set(summary["reference_keys"])
    saved = [ended.inputs.store.result(key).cost.seconds for key in both]
    assert ledger["seconds_saved"] == pytest.approx(sum(saved))
    assert both


def test_what_an_earlier_sweep_trained_is_used_again(ended: FinishedSweep) -> None:
    ledger = written(replace(ended, run="another"))["ledger"]
    assert (ledger["steps_trained"], ledger["steps_reused"], ledger["seconds_trained"]) == (0, 6, 0)
    assert ledger["seconds_saved"] > 0


def test_a_step_that_two_trials_took_is_trained_once(ended: FinishedSweep) -> None:
    twice = [*ended.trials, replace(ended.trials[0], id="again")]
    before, ledger = (written(replace(ended, trials=trials))["ledger"] for trials in (ended.trials, twice))
    assert (ledger["steps_trained"], ledger["steps_reused"]) == (6, 3)
    seconds = sum(ended.inputs.store.result(key).cost.seconds for key in ended.trials[0].steps[0])
    assert ledger["seconds_saved"] - before["seconds_saved"] == pytest.approx(seconds)


def test_where_nothing_is_shared_every_step_counts(ended: FinishedSweep, small_world: World, tmp_path: Path) -> None:
    inputs = make_inputs(small_world, tmp_path)
    records = []
    for number in range(2):
        apart = replace(inputs, store=replace(inputs.store, scope=f"private/trial-{number}"))
        records.append(learnt_trial(small_world, apart, number, TASKS))
    unshared = replace(ended, inputs=inputs, trials=records, options=ended.options.changed(sharing=False))
    found = written(unshared)
    assert (found["ledger"]["steps_trained"], found["ledger"]["steps_reused"]) == (6, 0)
    assert found["ledger"]["seconds_saved"] == 0
    assert all(row["R"]["val"]["latest"][1][1] is not None for row in found["trials"])


def test_a_trial_of_several_walks_has_a_row_for_each(ended: FinishedSweep) -> None:
    config = replace(ended.trials[0].config, orders=(TASKS, TASKS[::-1]))
    steps = [record.steps[0] for record in ended.trials]
    record = TrialRecord("both", config, status="FINISHED", steps=steps, tasks_seen=2)
    found = written(replace(ended, trials=[record]))
    assert [row["id"] for row in found["trials"]] == ["both.0", "both.1"]
    assert [row["order"] for row in found["trials"]] == [list(TASKS), list(TASKS[::-1])]


def test_a_sweep_that_was_stopped_early_has_a_summary_too(ended: FinishedSweep) -> None:
    record = replace(ended.trials[0], status="KILLED", steps=[ended.trials[0].steps[0][:1]])
    failed = replace(ended.trials[1], status="FAILED", steps=[], error="the loss became nan")
    found = written(replace(ended, trials=[record, failed], sweep=ended.sweep.model_copy(update={"status": "KILLED"})))
    assert found["best"] is None
    assert found["trials"][0]["R"]["val"]["latest"][0][0] is not None
    assert found["trials"][1]["error"] == "the loss became nan"


def test_no_trial_at_all_is_a_summary_too(ended: FinishedSweep) -> None:
    assert written(replace(ended, trials=[]))["trials"] == []


def test_the_best_trial_of_a_sweep_is_looked_into_task_by_task(
    ended: FinishedSweep, data_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "store").symlink_to(ended.inputs.store_uri)
    (tmp_path / "data").symlink_to(data_root)
    summary = written(ended)
    summary["settings"]["backbone"] = str(ended.inputs.backbone)
    found = sweep_fusion_weights(typed(summary), tmp_path, records=8)
    order = next(row["order"] for row in summary["trials"] if row["id"] == summary["best"]["trial"])
    assert [one.task for one in found] == order
    assert [list(one.adapters) for one in found] == [order[:1], order]
    assert {one.trial for one in found} == {summary["best"]["trial"]}
    assert "alpha" in document_of(typed(summary).model_copy(update={"alpha": found}))


def test_data_that_is_gone_is_named(ended: FinishedSweep, tmp_path: Path) -> None:
    (tmp_path / "store").symlink_to(ended.inputs.store_uri)
    with pytest.raises(AtlasError, match=r"was trained on is not under .*data; prepare it again"):
        sweep_fusion_weights(summarise(ended), tmp_path)


def copied(ended: FinishedSweep, folder: Path) -> FinishedSweep:
    """The same sweep over a copy of its store, which may be damaged."""
    shutil.copytree(ended.inputs.store.root, folder / "store")
    uri = str(folder / "store")
    return replace(ended, inputs=replace(ended.inputs, store=Store.open(uri), store_uri=uri))


def test_a_step_whose_files_are_damaged_loses_its_count_of_parameters_alone(
    ended: FinishedSweep, tmp_path: Path
) -> None:
    whole, hurt = written(ended), copied(ended, tmp_path)
    key = hurt.trials[0].steps[0][-1]
    (weights, *_) = sorted(Path(hurt.inputs.store.root).glob(f"steps/*/{key}/*/**/*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    found = written(hurt)
    assert "bytes instead of" in found["unreadable"][key]
    first, other = found["trials"]
    assert first["cost"] == {**whole["trials"][0]["cost"], "stored_parameters": None}
    assert other == whole["trials"][1]
    assert first["R"] == whole["trials"][0]["R"]
    assert "unreadable" not in whole


def test_a_result_of_a_later_version_loses_its_own_row_and_says_why(ended: FinishedSweep, tmp_path: Path) -> None:
    whole, hurt = written(ended), copied(ended, tmp_path)
    key = hurt.trials[0].steps[0][-1]
    artifact = hurt.inputs.store.find(key)
    assert artifact is not None
    artifact.facts["schema_version"] = 99
    (marker,) = Path(hurt.inputs.store.root).glob(f"steps/*/{key}/commit.json")
    marker.write_bytes(marker_of(artifact))
    found = written(hurt)
    assert "was stored by a later version of atlas" in found["unreadable"][key]
    first, other = found["trials"]
    assert first["R"]["test"]["latest"][1] == [None, None]
    assert first["R"]["test"]["latest"][0] == whole["trials"][0]["R"]["test"]["latest"][0]
    assert other == whole["trials"][1]
    assert write_report(typed(found), tmp_path)[0].exists()


def test_a_step_that_a_trial_took_and_the_store_lost_is_named(ended: FinishedSweep, tmp_path: Path) -> None:
    hurt = copied(ended, tmp_path)
    key = hurt.trials[1].steps[0][-1]
    hurt.inputs.store.remove(key)
    assert written(hurt)["unreadable"][key].endswith("the store no longer has it")


def test_a_reference_that_failed_is_told_with_its_reason(ended: FinishedSweep, tmp_path: Path) -> None:
    hurt = copied(ended, tmp_path)
    (step,) = (step for name, _, step in hurt.reference_steps() if (name, step.task) == ("head_only", TASKS[0]))
    (folder,) = Path(hurt.inputs.store.root).glob(f"steps/*/{step.key}")
    shutil.rmtree(folder)
    reason = f"{step.title}: the loss became nan at update 3"
    found = written(replace(hurt, failures={step.key: reason}))
    assert set(found["references"]["head_only"]["0"]) == set(TASKS[1:])
    told = f"{step.title}: it was not trained: the loss became nan at update 3"
    assert found["unreadable"] == {step.key: told}


def test_a_reference_without_its_score_is_left_out(ended: FinishedSweep, tmp_path: Path) -> None:
    whole, hurt = written(ended), copied(ended, tmp_path)
    (step,) = (step for name, _, step in hurt.reference_steps() if (name, step.task) == ("head_only", TASKS[0]))
    artifact = hurt.inputs.store.find(step.key)
    assert artifact is not None
    artifact.facts["scores"] = {}
    (marker,) = Path(hurt.inputs.store.root).glob(f"steps/*/{step.key}/commit.json")
    marker.write_bytes(marker_of(artifact))
    found = written(hurt)
    assert set(found["references"]["head_only"]["0"]) == set(TASKS[1:])
    assert found["references"]["lone"] == whole["references"]["lone"]
    assert found["unreadable"] == {step.key: f"{step.title}: it has no score of {TASKS[0]}"}
