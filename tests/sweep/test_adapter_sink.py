from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import fs

from atlas.runtime.errors import AccessDenied, StorageUnavailable
from atlas.storage.artifact import Artifact
from atlas.storage.store import Store
from atlas.sweep.adapter_sink import AdapterAway, AdapterSink
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.tracking_actor import TrackingActor
from atlas.tracking import Event, StepFinished, SweepStarted
from tests.sweep.trials import reporter_of

AWAY = [
    OSError(errno.ETIMEDOUT, "away"),
    StorageUnavailable("a copy is damaged, though the stored files are whole"),
    AccessDenied("the store refuses access"),
]


class Shown:
    """A sink that keeps events, and the adapter's files of the steps among them."""

    name, address, registry = "sink", "sink:", None

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.files: list[list[str]] = []

    def check(self, timeout: float = 0.0) -> None:
        pass

    def apply(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, StepFinished) and event.adapter:
            self.files.append(sorted(path.name for path in Path(event.adapter).iterdir()))

    def is_final(self, error: Exception, attempts: int) -> bool:
        return attempts >= 2

    def view(self, sweep: str) -> str:
        return self.address


class Journal:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def remote(ended: FinishedSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A copy of the sweep's store that hands out copies, as one in a bucket does."""
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "cache"))
    shutil.copytree(ended.inputs.store.root, tmp_path / "bucket" / "store")
    files = fs.SubTreeFileSystem(str(tmp_path / "bucket"), fs.LocalFileSystem())
    return Store(filesystem=files, root="store", uri="s3://bucket/store")


@pytest.fixture
def recorded(ended: FinishedSweep, remote: Store) -> StepFinished:
    """The event of a step with an adapter, as the sweep records it."""
    step, journal = ended.inputs.graph[ended.trials[0].steps[0][-1]], Journal()
    reporter_of(replace(ended, inputs=replace(ended.inputs, store=remote)), journal).record_step(step)
    (event,) = journal.events
    assert isinstance(event, StepFinished)
    return event


def test_recording_a_step_of_a_bucket_copies_nothing_and_showing_it_copies_the_adapter(
    recorded: StepFinished, remote: Store, tmp_path: Path
) -> None:
    """Recording runs on the thread of the search."""
    assert not (tmp_path / "cache").exists()
    AdapterSink(shown := Shown(), remote).apply(recorded)
    assert shown.events == [recorded]
    assert shown.files == [["adapter_config.json", "adapter_model.safetensors"]]


def test_a_copy_that_was_removed_while_the_sink_was_away_is_made_again(
    recorded: StepFinished, remote: Store, tmp_path: Path
) -> None:
    sink = AdapterSink(shown := Shown(), remote)
    sink.apply(recorded)
    shutil.rmtree(tmp_path / "cache")
    sink.apply(recorded)
    assert shown.files[0] == shown.files[1]
    assert sink.missing == {}


def test_a_journal_of_another_machine_is_shown_with_the_adapters_of_the_store(
    recorded: StepFinished, remote: Store
) -> None:
    elsewhere = recorded.model_copy(update={"adapter": "/another/machine/adapter"})
    AdapterSink(shown := Shown(), remote).apply(elsewhere)
    assert shown.events == [recorded]


@pytest.mark.parametrize("error", AWAY, ids=["away", "no good copy", "denied"])
def test_a_step_waits_for_a_store_that_hands_nothing_out_however_often_it_is_tried(
    recorded: StepFinished, remote: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sink = AdapterSink(shown := Shown(), remote)

    def away(store: Store, key: str) -> Artifact:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Store, "find", away)
        for attempt in range(1, 6):
            with pytest.raises(AdapterAway, match="cannot be fetched") as raised:
                sink.apply(recorded)
            assert not sink.is_final(raised.value, attempt)
    assert shown.events == []
    assert not sink.is_final(ConnectionError(), 6)  # the sink's own first attempt
    assert sink.is_final(ConnectionError(), 7)
    sink.apply(recorded)
    assert shown.events == [recorded]
    assert not sink.is_final(ConnectionError(), 1)


def test_a_step_whose_adapter_the_store_has_lost_is_shown_without_it_and_named_at_the_end(
    ended: FinishedSweep, recorded: StepFinished, tmp_path: Path
) -> None:
    lost = recorded.model_copy(update={"adapter": "/gone/adapter", "key": "lost", "name": "digits, lost"})
    kept = recorded.model_copy(update={"adapter": "/gone/adapter"})
    actor = TrackingActor(f"jsonl:{tmp_path}/lines", tmp_path / "spool", ended.inputs.store_uri, {})
    for event in (SweepStarted(sweep="order-1", name="a sweep", params={}), lost, kept):
        actor.record(event)
    end = actor.finish(60.0)
    assert end.complete
    (problem,) = end.problems
    assert problem.startswith("the adapter of digits, lost: the store ")
    text = Path(actor.sink.view("order-1")).read_text()
    assert '"key":"lost"' in text
    assert "/gone/adapter" not in text
    assert f'"adapter":"{ended.inputs.store.fetch(recorded.key)}/adapter"' in text


def test_a_step_is_fetched_from_the_scope_of_the_trial_that_trained_it(
    ended: FinishedSweep, recorded: StepFinished, remote: Store
) -> None:
    own = replace(remote, scope="private/t1")
    own.commit(recorded.key, ended.inputs.store.fetch(recorded.key), ended.inputs.store.result(recorded.key))
    remote.remove(recorded.key)
    AdapterSink(shown := Shown(), remote).apply(recorded.model_copy(update={"scope": own.scope}))
    assert len(shown.files) == 1
