from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from atlas.runtime.errors import AtlasError
from atlas.serving.model_record import ModelRecord
from atlas.serving.registered_model import RegisteredModel
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.tracking_actor import Registration, TrackingActor, TrackingEnd
from atlas.tracking import SweepFinished, SweepStarted, default_tracking_uri, find_step_runs, initialise
from tests.sweep.trials import play, reporter_of

STARTED = SweepStarted(sweep="order-1", name="order-1", params={"trials": 2}, tags={"kind": "sweep"})
RECORD = ModelRecord(name="atlas-order", sweep="order-1", backbone="vilt-tiny", digest="d", order=(), tasks={})


def test_mlflow_has_a_run_for_each_step(ended: FinishedSweep, tmp_path: Path) -> None:
    uri = default_tracking_uri(tmp_path)
    initialise(uri, "atlas")
    actor = TrackingActor(uri, tmp_path / "spool", ended.inputs.store_uri, {})
    actor.record(STARTED)
    play(replace(ended, trials=ended.trials[:1]), reporter_of(ended, actor))
    assert actor.finish(60.0) == TrackingEnd(complete=True)
    assert set(find_step_runs(uri, "atlas", ended.trials[0].steps[0])) == set(ended.trials[0].steps[0])


def test_lines_of_json_have_each_step_once_and_no_model_registry(ended: FinishedSweep, tmp_path: Path) -> None:
    actor = TrackingActor(f"jsonl:{tmp_path}/lines", tmp_path / "spool", ended.inputs.store_uri, {})
    actor.record(STARTED)
    play(ended, reporter_of(ended, actor))
    with pytest.raises(AtlasError, match="has no model registry"):
        actor.register_model(RegisteredModel(record=RECORD, folders={}))
    assert actor.finish(60.0).complete
    text = Path(actor.sink.view("order-1")).read_text()
    assert text.count('"kind":"step_finished"') == len({key for trial in ended.trials for key in trial.steps[0]})
    assert text.count('"kind":"trial_finished"') == 2


def test_a_sweep_stopped_at_once_while_its_tracking_ends_keeps_the_end_that_it_had(tmp_path: Path) -> None:
    """A second SIGINT while the end waits for the sink: the actor has closed its journal when it is told of it."""
    actor = TrackingActor(f"jsonl:{tmp_path}/lines", tmp_path / "spool", str(tmp_path / "store"), {})
    actor.record(STARTED)
    actor.record(SweepFinished(sweep="order-1", status="FINISHED"))
    assert actor.finish(60.0).complete
    actor.record(SweepFinished(sweep="order-1", status="KILLED"))
    assert actor.finish(60.0).complete
    text = Path(actor.sink.view("order-1")).read_text()
    assert "FINISHED" in text
    assert "KILLED" not in text


def test_a_model_that_was_not_registered_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray
    from ray.exceptions import RayTaskError

    assert Registration(reason="no trial finished").result() == "none: no trial finished"
    for cause, words in ((OSError("it is away\nfor long"), "it is away"), (OSError(), "OSError")):

        def fail(promise: object, cause: OSError = cause) -> None:
            raise RayTaskError("register_model", "", cause)

        monkeypatch.setattr(ray, "get", fail)
        assert Registration(promise=SimpleNamespace()).result() == f"not registered: {words}"  # type: ignore[arg-type]


def test_a_model_whose_actor_died_was_not_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray
    from ray.exceptions import RayActorError

    def fail(promise: object) -> None:
        raise RayActorError

    monkeypatch.setattr(ray, "get", fail)
    assert Registration(promise=SimpleNamespace()).result().startswith("not registered: The actor experienced")  # type: ignore[arg-type]
