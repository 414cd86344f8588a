from __future__ import annotations

import itertools
import json
import math
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from atlas.execution.checkpoints import NOTICE_SECONDS, CheckpointStore
from atlas.learners import Ewc, FineTuning, HeadOnly, Joint, L2p, Learner, Lwf, Memory, MoeAdapters, OLora, Replay, Zscl
from atlas.learners.fit import OnUpdate
from atlas.learners.process_group import ProcessGroup
from atlas.steps.step import Step
from atlas.steps.train import train_step
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, atlas, contents, outcome

LONG = replace(SCHEDULE, steps=7)
STOPPING = replace(LONG, steps=12, patience=2, evaluate_every=2, learning_rate=0.05)
PAIR, TRIPLE = ("digits", "easy-vqa"), ("digits", "easy-vqa", "piqa-twin")
LEARNERS: tuple[tuple[Learner, tuple[str, ...]], ...] = (
    (atlas(experience=LONG, expansion=replace(LONG, decay="cosine")), PAIR),
    (atlas(experience=STOPPING, expansion=STOPPING), PAIR),
    (FineTuning(schedule=LONG), PAIR),
    (FineTuning(schedule=replace(LONG, precision="float16", accumulate=2)), PAIR),
    (Ewc(schedule=LONG, records=5), PAIR),
    (Replay(schedule=LONG, memory=Memory(records=6)), TRIPLE),
    (Lwf(schedule=LONG), PAIR),
    (Zscl(schedule=LONG, references=4, snapshots=3), PAIR),
    (MoeAdapters(schedule=LONG, experts=3, rank=2, records=4), PAIR),
    (L2p(schedule=LONG, size=3, length=2, chosen=2), PAIR),
    (OLora(schedule=LONG, rank=2), PAIR),
    (Joint(schedule=LONG), PAIR),
)


class Killed(BaseException):
    """Stands for the end of the process: nothing in the project catches it."""


def killer(at: int) -> OnUpdate:
    """An `on_update` that ends the step at update `at`."""

    def on_update(update: int, updates: int, loss: float | None = None) -> None:
        if update == at:
            torch.manual_seed(at)  # whatever ran in between
            raise Killed

    return on_update


def checkpoints_of(
    store: Store, step: Step, *, seconds: float = 0.0, group: ProcessGroup | None = None, **more: Any
) -> CheckpointStore:
    """A checkpoint after every update: a second passes whenever the clock is looked at."""
    clock = itertools.count().__next__
    return CheckpointStore(
        store=store, key=step.key, group=group or ProcessGroup(), seconds=seconds, share=math.inf, clock=clock, **more
    )


def interrupt(world: World, store: Store, step: Step, at: int, **named: Any) -> None:
    with pytest.raises(Killed):
        train_step(step, world.worker_context, store, killer(at), checkpoints_of(store, step, **named))


def files(store: Store) -> list[Path]:
    return sorted(path for path in Path(store.root, "underway").rglob("*") if path.is_file())


@pytest.mark.parametrize(("learner", "order"), LEARNERS, ids=lambda value: getattr(value, "name", None))
def test_a_step_that_was_interrupted_twice_equals_the_uninterrupted_one(
    small_world: World, store: Store, tmp_path: Path, learner: Learner, order: tuple[str, ...]
) -> None:
    other, chance = Store.open(str(tmp_path / "cut")), random.Random(len(order))
    for step in small_world.walk(*order, learner=learner):
        (quiet,) = small_world.learn([step], store)
        first = chance.randint(2, 4)
        interrupt(small_world, other, step, first)
        interrupt(small_world, other, step, first + 2)
        found = train_step(step, small_world.worker_context, other, checkpoints=checkpoints_of(other, step))
        assert found.resumed_at == (first - 1, first + 1)
        assert outcome(found.model_copy(update={"resumed_at": ()})) == outcome(quiet)
        assert contents(other, step) == contents(store, step)
    assert files(other) == []


@pytest.fixture
def step(small_world: World) -> Step:
    return small_world.walk("digits", learner=HeadOnly(schedule=LONG))[0]


def test_progress_goes_on_where_it_was(small_world: World, store: Store, step: Step) -> None:
    interrupt(small_world, store, step, 5)
    seen: list[tuple[int, int]] = []

    def note(update: int, updates: int, loss: float | None = None) -> None:
        seen.append((update, updates))

    train_step(step, small_world.worker_context, store, note, checkpoints_of(store, step))
    assert seen == [(4, 7), (5, 7), (6, 7), (7, 7)]


def test_the_time_before_counts_to_the_cost(small_world: World, store: Store, step: Step) -> None:
    interrupt(small_world, store, step, 5)
    checkpoints = checkpoints_of(store, step)
    facts = train_step(step, small_world.worker_context, store, checkpoints=checkpoints)
    assert 0 < checkpoints.spent < facts.cost.learning < facts.cost.seconds
    assert (facts.updates, facts.records) == (7, 7 * 8)


def test_short_steps_never_save(small_world: World, store: Store, step: Step) -> None:
    train_step(step, small_world.worker_context, store, checkpoints=checkpoints_of(store, step, seconds=60))
    interrupt(small_world, store, small_world.walk("digits", learner=HeadOnly(schedule=LONG), seed=1)[0], 7, seconds=60)
    assert files(store) == []


def test_a_notice_has_one_saved_at_once_and_then_every_few_seconds(store: Store, step: Step) -> None:
    now, told = [0.0], [False]
    kept = CheckpointStore(
        store=store, key=step.key, group=ProcessGroup(), seconds=60, clock=lambda: now[0], notice=lambda: told[0]
    )
    saved = []
    for update in range(1, 61):
        now[0], told[0] = float(update), update > 20
        if kept.due(update):
            saved.append(update)
            kept.save(training_state())
    assert 20 < saved[0] <= 20 + 2 * NOTICE_SECONDS
    assert {later - earlier for earlier, later in itertools.pairwise(saved)} == {NOTICE_SECONDS}


def test_it_is_looked_at_the_clock_about_once_a_second(store: Store, step: Step) -> None:
    now = [0.0]
    kept = CheckpointStore(store=store, key=step.key, group=ProcessGroup(), seconds=60, clock=lambda: now[0])
    looked = []
    for update in range(1, 1001):
        now[0] = update / 100
        before = kept._next
        kept.due(update)
        looked += [update] * (kept._next != before)
    assert looked[:4] == [1, 3, 7, 15]  # as far again as it has got
    assert max(later - earlier for earlier, later in itertools.pairwise(looked)) <= 100
    assert len(looked) < 20


def training_state() -> Any:
    from atlas.learners.training_state import TrainingProgress, TrainingState, ValidationState

    progress = TrainingProgress(
        updates=2,
        records=16,
        losses=[],
        patience=ValidationState(scores=[], best=None, since=0),
        rates=[],
        scheduler={},
        scaler={},
    )
    return TrainingState(progress=progress, tensors={"weight/a": torch.ones(3)})


@pytest.mark.parametrize("how", ["cut short", "altered", "gone", "marker altered"])
def test_a_damaged_one_is_not_used_but_the_one_before_it(
    small_world: World, store: Store, step: Step, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    interrupt(small_world, store, step, 5)
    newest = max(files(store), key=lambda path: updates_of(path) if path.name == "commit.json" else -1)
    held = next(path for path in newest.parent.rglob("*.safetensors"))
    damage(held, newest, how)
    facts = train_step(step, small_world.worker_context, store, checkpoints=checkpoints_of(store, step))
    assert facts.resumed_at == (3,)
    assert "not used" in caplog.text or "is damaged" in caplog.text


def updates_of(marker: Path) -> int:
    return int(json.loads(marker.read_text())["facts"]["updates"])


def damage(held: Path, marker: Path, how: str) -> None:
    content = held.read_bytes()
    if how == "cut short":
        held.write_bytes(content[:-7])
    elif how == "altered":
        held.write_bytes(content[:-4] + b"oops")
    elif how == "gone":
        shutil.rmtree(held.parent)
    else:
        marker.write_text(marker.read_text().replace('"updates":4', '"updates":9'))


@pytest.mark.parametrize("changed", [{"workers": 2}, {"torch": "1.0"}, {"form": 0}])
def test_one_of_another_group_is_not_used(
    small_world: World, store: Store, step: Step, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = CheckpointStore._circumstances
    with monkeypatch.context() as patched:
        patched.setattr(CheckpointStore, "_circumstances", lambda self: {**own(self), **changed})
        interrupt(small_world, store, step, 5)
    facts = train_step(step, small_world.worker_context, store, checkpoints=checkpoints_of(store, step))
    assert facts.resumed_at == ()
    assert files(store) == []


def test_a_store_that_refuses_a_checkpoint_does_not_stop_the_step(
    small_world: World, store: Store, step: Step, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    commit = Store.commit

    def full(self: Store, key: str, *given: Any) -> None:
        if self.scope.endswith("underway"):
            raise OSError(28, "No space left on device")
        commit(self, key, *given)

    monkeypatch.setattr(Store, "commit", full)
    facts = train_step(step, small_world.worker_context, store, checkpoints=checkpoints_of(store, step))
    assert facts.updates == 7
    assert "No space left" in caplog.text


def test_nothing_but_safetensors_and_json_is_written(small_world: World, store: Store, step: Step) -> None:
    interrupt(small_world, store, step, 5)
    assert {path.suffix for path in files(store)} == {".safetensors", ".json"}
