"""Reads finished steps at a sweep's end: one that cannot be read is named, and the others count."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from atlas.runtime.os_errors import is_unreachable
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepReader:
    """Results of finished steps. `unreadable` maps the key of a step to why it cannot be read.

    With `keeps` a result is read once, however many walks share it. A store that does not answer raises all the same:
    nothing could be read from it.
    """

    unreadable: dict[str, str] = field(default_factory=dict)
    keeps: bool = False
    _kept: dict[tuple[str, str], StepResult] = field(default_factory=dict)

    def result(self, step: Step, store: Store) -> StepResult | None:
        """The step's result; None where the store has none, or it cannot be read."""
        if (kept := self._kept.get((store.scope, step.key))) is not None:
            return kept
        with self.noted(step):
            artifact = store.find(step.key)
            if artifact is not None and self.keeps:
                self._kept[store.scope, step.key] = artifact.result
            return None if artifact is None else artifact.result
        return None

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
