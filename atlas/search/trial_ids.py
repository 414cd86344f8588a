"""Trial ids that survive a killed search: Tune forgets trials that it began shortly before it was killed.

Such a trial is tried again, under another of Tune's ids. It is recognised by its parameters, and keeps the id that it
had, and with that its run in MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atlas.tracking import TrialStarted, read_events


@dataclass
class TrialIds:
    """The trials that the sweep has begun in earlier runs: what each tries, as long as nobody has gone on with it."""

    _begun: dict[str, str] = field(default_factory=dict)
    _restored: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, spool: Path) -> TrialIds:
        """From the sweep's tracking journal."""
        started = (event for event in read_events(spool) if isinstance(event, TrialStarted))
        return cls({event.trial: _spelt(event.params) for event in started})

    def restored(self, trial: str) -> None:
        """Tune has not forgotten this one."""
        if (tried := self._begun.pop(trial, None)) is not None:
            self._restored[trial] = tried

    def find(self, trial: str, params: Mapping[str, Any], begun_as: str | None = None) -> str:
        """The id that the trial which Tune calls `trial` had in an earlier run, or `trial` where it had none.

        `begun_as`: the id of the trial that it goes on with, where Tune has not forgotten that.
        """
        wanted, name = _spelt(params), begun_as or trial
        if name in self._restored:
            return name if self._restored[name] == wanted else trial
        if wanted not in self._begun.values():
            return name
        first = next(one for one, tried in self._begun.items() if tried == wanted)
        self.restored(first)
        return first


def _spelt(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True)
