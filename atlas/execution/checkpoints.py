"""Steps that are under way: their waypoints in the store, so that a step that was cut off is learnt on.

    <root>/<scope>/underway/steps/<key[:2]>/<key>-a/...      two places that take turns, each an entry like a step's:
    <root>/<scope>/underway/steps/<key[:2]>/<key>-b/...      the marker last, every file by its digest, no pickle

While one place is written the other one stands. Both go once the step is committed.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from atlas.learners.process_group import ProcessGroup
from atlas.learners.training_state import Checkpoints, TrainingProgress, TrainingState
from atlas.storage.store import Artifact, CorruptArtifact, Store

log = logging.getLogger(__name__)

FORM = 1
FILE = "waypoint.safetensors"
PLACES = ("a", "b")
LOOK_SECONDS = 1.0
NOTICE_SECONDS = 5.0


@dataclass
class CheckpointStore(Checkpoints):
    """The waypoints of the step `key` while `group` learns it; `store` is where the step will be committed.

    One is saved every `seconds`, or less often where saving would take more than `share` of the time. A `notice`
    (True: this group will be stopped) has one saved at once, and then every few seconds. `resumed_at` are the updates
    from which the step was learnt on, `spent` the seconds of learning before; where the group is `elastic`, it goes on
    from waypoints of groups of another size, too, and `workers` are the sizes of all that learnt the step.
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
        self._began = self._saved = self._looked = self._asked = self.clock()
        self._update = self._next = 0
        self._wait = self.seconds
        self._noticed = self._used = False
        self._turn = 0

    def load(self) -> TrainingState | None:
        content = self.group.broadcast(self._read() if self.group.rank == 0 else b"")
        if not content:
            return None
        facts, training_state = _unpacked(content)
        self.resumed_at = [*facts["resumed_at"], facts["updates"]]
        self.workers = [*facts.get("sizes", [facts["workers"]]), self.group.size]
        self.spent = facts["seconds"]
        self._update = self._next = training_state.progress.updates
        log.warning("step %s goes on after update %d", self.key, self._update)
        return training_state

    def due(self, update: int) -> bool:
        """Whether to save now. The processes look at the clock together, about once a second."""
        if update < self._next:
            return False
        now = self.clock()
        wanted, asked, ahead = self._agreed(
            now - self._saved >= self._wait,
            not self._noticed and now - self._asked >= NOTICE_SECONDS,
            self._ahead(update, now),
        )
        self._looked, self._update, self._next = now, update, update + ahead
        if asked:
            self._asked, self._noticed = now, self.notice()
        return bool(wanted) or bool(asked and self._noticed)

    def save(self, training_state: TrainingState) -> None:
        """Keep it. What the store refuses is logged, and tried again: the step itself is not the worse for it."""
        before = self.clock()
        if self.group.rank == 0:
            try:
                self._write(training_state, before)
            except OSError as error:
                log.warning("a waypoint of step %s could not be kept: %s. It is learnt on", self.key, error)
        self._saved = self.clock()
        self._wait = NOTICE_SECONDS if self._noticed else max(self.seconds, (self._saved - before) / self.share)

    def finish(self) -> None:
        """Remove them."""
        if not self._used or self.group.rank != 0:
            return
        try:
            for place in PLACES:
                self.store.remove(f"{self.key}-{place}")
        except OSError as error:
            log.warning("the waypoints of step %s stay until they are collected: %s", self.key, error)

    def facts(self) -> dict[str, Any]:
        """When it was learnt on, and by how many workers each time where that changed."""
        changed = len(set(self.workers)) > 1
        return {**super().facts(), **({"workers": list(self.workers)} if changed else {})}

    def _ahead(self, update: int, now: float) -> int:
        """After how many updates to look again: a second's worth, and no more than was seen of their pace."""
        done, passed = update - self._update, now - self._looked
        return max(1, min(2 * done, int(done * LOOK_SECONDS / passed) if passed > 0 else 2 * done))

    def _agreed(self, *votes: int) -> list[int]:
        """What rank 0 says, on every process."""
        said = votes if self.group.rank == 0 else [0] * len(votes)
        return list(self.group.all_reduce(torch.tensor(said, device=self.group.device)).tolist())

    def _write(self, training_state: TrainingState, now: float) -> None:
        facts = {
            **training_state.progress.model_dump(mode="json"),
            **self._own(),
            "resumed_at": list(self.resumed_at),
            "sizes": list(self.workers),
            "seconds": self.spent + now - self._began,
        }
        key = f"{self.key}-{PLACES[self._turn]}"
        with tempfile.TemporaryDirectory(prefix="atlas-waypoint-") as folder:
            (Path(folder) / FILE).write_bytes(
                save({name: value.contiguous() for name, value in training_state.tensors.items()})
            )
            self._used = True
            self.store.remove(key)
            self.store.commit(key, Path(folder), facts)
        self._turn = 1 - self._turn

    def _read(self) -> bytes:
        """The newest waypoint that this group can go on from, as bytes; none where there is no such."""
        for turn, entry in sorted(self._entries(), key=lambda one: -one[1].facts.get("updates", 0)):
            self._used = True
            if (content := self._content(entry)) is not None:
                self._turn = 1 - turn
                return content
        return b""

    def _entries(self) -> list[tuple[int, Artifact]]:
        """The places that hold one, by number."""
        try:
            found = [(turn, self.store.find(f"{self.key}-{place}")) for turn, place in enumerate(PLACES)]
        except OSError as error:
            log.warning(
                "waypoints of step %s could not be looked for: %s. It is learnt from the start", self.key, error
            )
            return []
        return [(turn, entry) for turn, entry in found if entry is not None]

    def _content(self, entry: Artifact) -> bytes | None:
        """One entry as bytes; None, with the reason in the log, where it is of another group or damaged."""
        own = {name: value for name, value in self._own().items() if not (self.elastic and name == "workers")}
        if other := {name: entry.facts.get(name) for name, value in own.items() if entry.facts.get(name) != value}:
            log.warning("the waypoint %s is not used: it is of %s, this group of %s", entry.key, other, own)
            return None
        try:
            with tempfile.TemporaryDirectory(prefix="atlas-waypoint-") as folder:
                return _packed(entry.facts, (self.store.fetch(entry, Path(folder)) / FILE).read_bytes())
        except (CorruptArtifact, OSError) as error:
            log.warning("the waypoint %s is not used: %s", entry.key, error)
            return None

    def _own(self) -> dict[str, Any]:
        """What has to be the same for the result to be the same, to the bit."""
        device = self.group.device.type
        return {
            "form": FORM,
            "step": self.key,
            "workers": self.group.size,
            "device": device,
            "torch": torch.__version__,
        }


def _packed(facts: Mapping[str, Any], tensors: bytes) -> bytes:
    """A line of JSON, then the file."""
    return json.dumps(facts).encode() + b"\n" + tensors


def _unpacked(content: bytes) -> tuple[dict[str, Any], TrainingState]:
    head, _, tensors = content.partition(b"\n")
    facts = json.loads(head)
    return facts, TrainingState(progress=TrainingProgress.model_validate(facts), tensors=load(tensors))
