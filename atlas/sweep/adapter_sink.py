"""A sink whose steps come with their adapters: one that is not on this machine, or no longer, is fetched."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlas.runtime.errors import InfrastructureError, StorageUnavailable
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line
from atlas.storage.store import Store
from atlas.tracking import ANSWER_SECONDS, Event, Sink, StepFinished

log = logging.getLogger(__name__)


class AdapterAway(InfrastructureError):
    """An adapter that cannot be fetched at the moment: its event is tried again, however often."""


@dataclass
class AdapterSink:
    """Passes events on to `sink`, those of steps with a local copy of their adapter.

    A copy may be gone once the sink was away for an hour, or lie on the machine that wrote the journal. `missing` has,
    by its key, each step that was logged without its adapter, since the store has none that is whole, and the reason.
    """

    sink: Sink
    store: Store
    missing: dict[str, str] = field(default_factory=dict)
    _waited: int = 0

    @property
    def name(self) -> str:
        """The sink's."""
        return self.sink.name

    @property
    def address(self) -> str:
        """The sink's."""
        return self.sink.address

    @property
    def registry(self) -> str | None:
        """The sink's."""
        return self.sink.registry

    def check(self, timeout: float = ANSWER_SECONDS) -> None:
        """As the sink's."""
        self.sink.check(timeout)

    def apply(self, event: Event) -> None:
        """Show the event. Raises AdapterAway, and whatever the sink raises."""
        if isinstance(event, StepFinished) and event.adapter and not self._is_kept(event.adapter):
            event = self._with_adapter(event)
        self.sink.apply(event)

    def is_final(self, error: Exception, attempts: int) -> bool:
        """As the sink's, of the attempts at the sink itself."""
        if attempts == 1:
            self._waited = 0
        if isinstance(error, AdapterAway):
            self._waited += 1
            return False
        return self.sink.is_final(error, attempts - self._waited)

    def view(self, sweep: str) -> str:
        """As the sink's."""
        return self.sink.view(sweep)

    def _is_kept(self, adapter: str) -> bool:
        """Whether the folder is the store's own. A copy may be removed at any time, unless it was fetched just now."""
        return self.store.is_local and Path(adapter).is_dir()

    def _with_adapter(self, event: StepFinished) -> StepFinished:
        """The event with the folder of the adapter's copy, which counts as used now; with none where it is lost."""
        try:
            folder = replace(self.store, scope=event.scope, patient=False).fetch(event.key, only="adapter")
        except (OSError, StorageUnavailable) as error:  # of the store or of this machine's disk, not of the adapter
            raise AdapterAway(f"its adapter cannot be fetched: {first_line(error)}") from error
        except Exception as error:
            self.missing[event.key] = f"the adapter of {event.name or event.key}: {redacted(first_line(error))}"
            log.warning("a step is logged without %s", self.missing[event.key])
            return event.model_copy(update={"adapter": ""})
        return event.model_copy(update={"adapter": str(folder / "adapter")})
