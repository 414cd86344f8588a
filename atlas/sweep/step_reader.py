"""Reads finished steps at a sweep's end: one that cannot be read is named, and the others count."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from atlas.metrics import parameters
from atlas.runtime.os_errors import is_unreachable
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line
from atlas.steps.step import Step
from atlas.storage.artifact import Artifact
from atlas.storage.kept_reads import KeptReads
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store

log = logging.getLogger(__name__)

StoredSteps = Iterable[tuple[Step, Store]]


class StepReader:
    """Finished steps, each read once, however many walks share it.

    `unreadable` maps the key of a step to why it cannot be read. A store that does not answer raises all the same:
    nothing could be read from it.
    """

    def __init__(self) -> None:
        self.unreadable: dict[str, str] = {}
        self._artifacts = KeptReads(Store.find)
        self._parameters = KeptReads(self._count)

    def artifact(self, step: Step, store: Store) -> Artifact | None:
        """The step's artifact; None where the store has none, or it cannot be read."""
        with self.noted(step):
            return self._artifacts.of(store, step.key)
        return None

    def result(self, step: Step, store: Store) -> StepResult | None:
        """The step's result; None where the store has none, or it cannot be read."""
        with self.noted(step):
            artifact = self._artifacts.of(store, step.key)
            return None if artifact is None else artifact.result
        return None

    def stored_parameters(self, step: Step, store: Store) -> int | None:
        """The number of parameters that the store keeps of the step; None where its files cannot be read."""
        with self.noted(step):
            return self._parameters.of(store, step.key)
        return None

    def read_ahead(self, steps: StoredSteps) -> None:
        """Read steps, several at a time. Raises where a store does not answer."""
        self._artifacts.read_ahead((store, step.key) for step, store in steps)

    def count_ahead(self, steps: StoredSteps) -> None:
        """Count the parameters of those of the steps that are there, several at a time. Raises as `read_ahead`."""
        there = [(store, step.key) for step, store in steps if self.artifact(step, store) is not None]
        self._parameters.read_ahead(there)

    @contextmanager
    def noted(self, step: Step) -> Iterator[None]:
        """Context whose exception makes the step an unreadable one, and is not raised."""
        try:
            yield
        except Exception as error:
            if is_unreachable(error):
                raise
            self.note(step, first_line(error))

    def note(self, step: Step, reason: str) -> None:
        """Note that the step cannot be read; the first reason stays."""
        if step.key not in self.unreadable:
            self.unreadable[step.key] = f"{step.title}: {redacted(reason)}"
            log.warning("a step cannot be read: %s", self.unreadable[step.key])

    def _count(self, store: Store, key: str) -> int:
        return parameters(store.tensor_shapes(self._artifacts.of(store, key) or key))
