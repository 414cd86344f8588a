"""Checkpoints of unfinished steps, in the store, so that an interrupted step resumes.

    <root>/<scope>/underway/steps/<key[:2]>/<key>-a/...      two slots that take turns, each an artifact like a step's:
    <root>/<scope>/underway/steps/<key[:2]>/<key>-b/...      the marker last, every file with its digest, no pickle

While one slot is written the other one stays valid. Both are removed once the step is committed.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from pydantic import Field, JsonValue, ValidationError
from safetensors.torch import load, save

from atlas.learners.process_group import ProcessGroup
from atlas.learners.training_state import Checkpoints, TrainingProgress, TrainingState
from atlas.runtime.errors import AtlasError
from atlas.runtime.text import first_line
from atlas.storage.store import Artifact, Store

log = logging.getLogger(__name__)

FORM = 1
FILE = "waypoint.safetensors"  # as earlier versions named it, whose checkpoints are resumed from
SLOTS = ("a", "b")
CHECK_SECONDS = 1.0
NOTICE_SECONDS = 5.0


class CheckpointRecord(TrainingProgress):
    """The JSON of a checkpoint: the stage's counters, and the circumstances that the same result depends on.

    `form` is the schema number; `workers`, `device` and `torch` are those of the process group that wrote it; `sizes`
    the sizes of all groups that trained the step so far, `seconds` the training time of all of them.
    """

    form: int
    step: str
    workers: int
    device: str
    torch: str
    resumed_at: list[int]
    sizes: list[int] = Field(default_factory=list)
    seconds: float

    def to_json(self) -> dict[str, JsonValue]:
        """The record as plain JSON values."""
        return self.model_dump(mode="json")


@dataclass
class CheckpointStore(Checkpoints):
    """The checkpoints of the step `key` while `group` trains it; `store` is where the step will be committed.

    The implementation of `Checkpoints` that fleets use; `fit` (atlas/learners/fit.py) saves and loads.

    One is saved every `seconds`, or less often where saving would take more than `share` of the time. A `notice`
    (True: this group will be stopped) has one saved at once, and then every few seconds. `resumed_at` are the updates
    from which the step resumed, `spent` the seconds of training before. An `elastic` group also resumes from
    checkpoints of groups of another size; `workers` are the sizes of all groups that trained the step.
    """

    store: Store
    key: str
    group: ProcessGroup
    seconds: float
    share: float = 0.05
    notice: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    elastic: bool = False
    workers: Sequence[int] = field(default_factory=list)
    resumed_at: Sequence[int] = field(default_factory=list)
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.store = replace(self.store, scope=f"{self.store.scope}/underway".lstrip("/"), patient=False)
        self.workers = [self.group.size]
        self._began = self._saved = self._checked = self._asked = self.clock()
        self._update = self._next = 0
        self._wait = self.seconds
        self._noticed = self._used = False
        self._slot = 0

    def load(self) -> TrainingState | None:
        content = self.group.broadcast(self._read() if self.group.rank == 0 else b"")
        if not content:
            return None
        record, tensors = _unpack(content)
        self.resumed_at = [*record.resumed_at, record.updates]
        self.workers = [*(record.sizes or [record.workers]), self.group.size]
        self.spent = record.seconds
        self._update = self._next = record.updates
        log.warning("step %s resumes after update %d", self.key, self._update)
        return TrainingState(progress=record, tensors=load(tensors))

    def due(self, update: int) -> bool:
        """Whether to save now. The ranks check the clock together, about once a second."""
        if update < self._next:
            return False
        now = self.clock()
        wanted, asked, ahead = self._agreed(
            now - self._saved >= self._wait,
            not self._noticed and now - self._asked >= NOTICE_SECONDS,
            self._updates_ahead(update, now),
        )
        self._checked, self._update, self._next = now, update, update + ahead
        if asked:
            self._asked, self._noticed = now, self.notice()
        return bool(wanted) or bool(asked and self._noticed)

    def save(self, training_state: TrainingState) -> None:
        """Keep it. An error of the store is logged and saving tried again later; the step goes on."""
        before = self.clock()
        if self.group.rank == 0:
            try:
                self._write(training_state, before)
            except OSError as error:
                log.warning("a checkpoint of step %s could not be saved: %s. Training goes on", self.key, error)
        self._saved = self.clock()
        self._wait = NOTICE_SECONDS if self._noticed else max(self.seconds, (self._saved - before) / self.share)

    def finish(self) -> None:
        """Remove them."""
        if not self._used or self.group.rank != 0:
            return
        try:
            for slot in SLOTS:
                self.store.remove(f"{self.key}-{slot}")
        except OSError as error:
            log.warning("the checkpoints of step %s stay until they are collected: %s", self.key, error)

    @property
    def workers_changed(self) -> Sequence[int]:
        return self.workers if len(set(self.workers)) > 1 else ()

    def _updates_ahead(self, update: int, now: float) -> int:
        """Updates until the next check: about a second's worth, and at most twice as many as since the last one."""
        done, passed = update - self._update, now - self._checked
        return max(1, min(2 * done, int(done * CHECK_SECONDS / passed) if passed > 0 else 2 * done))

    def _agreed(self, *votes: int) -> list[int]:
        """The votes of rank 0, on every rank."""
        cast = votes if self.group.rank == 0 else [0] * len(votes)
        return list(self.group.all_reduce(torch.tensor(cast, device=self.group.device)).tolist())

    def _write(self, training_state: TrainingState, now: float) -> None:
        record = CheckpointRecord.model_validate(
            {
                **training_state.progress.model_dump(include=set(TrainingProgress.model_fields)),
                **self._circumstances(),
                "resumed_at": list(self.resumed_at),
                "sizes": list(self.workers),
                "seconds": self.spent + now - self._began,
            }
        )
        key = f"{self.key}-{SLOTS[self._slot]}"
        with tempfile.TemporaryDirectory(prefix="atlas-checkpoint-") as folder:
            (Path(folder) / FILE).write_bytes(
                save({name: value.contiguous() for name, value in training_state.tensors.items()})
            )
            self._used = True
            self.store.remove(key)
            self.store.commit(key, Path(folder), record)
        self._slot = 1 - self._slot

    def _read(self) -> bytes:
        """The newest checkpoint that this group can resume from, packed; empty where there is none."""
        for _, slot, artifact in sorted(self._artifacts(), key=lambda found: -found[0]):
            self._used = True
            if (content := self._packed(artifact)) is not None:
                self._slot = 1 - slot
                return content
        return b""

    def _artifacts(self) -> list[tuple[int, int, Artifact]]:
        """Updates, number and artifact of each slot in use."""
        try:
            found = [(slot, self.store.find(f"{self.key}-{name}")) for slot, name in enumerate(SLOTS)]
        except OSError as error:
            log.warning("no look-up of the checkpoints of step %s: %s. It trains from the start", self.key, error)
            return []
        return [(_updates(artifact), slot, artifact) for slot, artifact in found if artifact is not None]

    def _packed(self, artifact: Artifact) -> bytes | None:
        """A checkpoint as bytes; None, with the reason in the log, where it is of another group or damaged."""
        own = {name: value for name, value in self._circumstances().items() if not (self.elastic and name == "workers")}
        if other := {name: found for name, value in own.items() if (found := artifact.facts.get(name)) != value}:
            log.warning("the checkpoint %s is not used: it is of %s, this group of %s", artifact.key, other, own)
            return None
        try:
            record = CheckpointRecord.model_validate(artifact.facts)
            with tempfile.TemporaryDirectory(prefix="atlas-checkpoint-") as folder:
                return _pack(record, (self.store.fetch(artifact, Path(folder)) / FILE).read_bytes())
        except (AtlasError, OSError, ValidationError) as error:
            log.warning("the checkpoint %s is not used: %s", artifact.key, first_line(error))
            return None

    def _circumstances(self) -> dict[str, str | int]:
        """The circumstances that must be the same for the result to be the same, to the bit."""
        return {
            "form": FORM,
            "step": self.key,
            "workers": self.group.size,
            "device": self.group.device.type,
            "torch": torch.__version__,
        }


def _updates(artifact: Artifact) -> int:
    updates = artifact.facts.get("updates")
    return updates if isinstance(updates, int) else 0


def _pack(record: CheckpointRecord, tensors: bytes) -> bytes:
    """A line of JSON, then the file of tensors."""
    return record.model_dump_json().encode() + b"\n" + tensors


def _unpack(content: bytes) -> tuple[CheckpointRecord, bytes]:
    head, _, tensors = content.partition(b"\n")
    return CheckpointRecord.model_validate_json(head), tensors
