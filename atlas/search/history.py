"""History of a search that was interrupted: the trials of its earlier runs, as Ray Tune kept them.

Each run of a sweep has a folder of its own for Tune's state: `tune`, `tune-2`, … Only trials are read back from them; a
resumed search is a new one that knows these. It needs none of Tune's paths or pickled objects, so that the storage may
be moved and the sweep's file changed.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlas.config.trial import BEGUN_AS, OWN_LEARNER, OWN_SETTINGS, REPLACES
from atlas.runtime.os_errors import is_unreachable
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line
from atlas.storage.filesystem import StoragePath

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

log = logging.getLogger(__name__)

EXPERIMENT = "tune"
_RUN = re.compile(rf"{EXPERIMENT}(?:-(\d+))?")


@dataclass(frozen=True, kw_only=True)
class SearchHistory:
    """The trials that ended by themselves, and those that were begun and did not; of one that was begun again, the
    last. Errors count as not ended: such a trial is tried again.
    """

    finished: tuple[Trial, ...] = ()
    begun: tuple[Trial, ...] = ()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All of them."""
        return (*self.finished, *self.begun)


def read_history(folder: StoragePath) -> SearchHistory:
    """The trials of all runs of the search in `folder`. Raises OSError where it does not answer."""
    from ray.tune.experiment import Trial

    latest: dict[str, Trial] = {}
    for name in _runs(folder):
        for trial in _trials(folder / name):
            latest.pop(trial.config.get(REPLACES, ""), None)
            latest[identity(trial)] = trial
    finished = tuple(trial for trial in latest.values() if trial.status == Trial.TERMINATED)
    begun = tuple(trial for trial in latest.values() if trial.status != Trial.TERMINATED)
    return SearchHistory(finished=finished, begun=begun)


def next_run(folder: StoragePath) -> str:
    """The name of the folder of the next run's state."""
    numbers = [int(match[1] or 1) for name in folder.folders() if (match := _RUN.fullmatch(name))]
    return f"{EXPERIMENT}-{max(numbers) + 1}" if numbers else EXPERIMENT


def identity(trial: Trial) -> str:
    """The id that the trial had in the run that first began it."""
    return str(trial.config.get(BEGUN_AS, trial.trial_id))


def suggested_parameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the sampler suggested for a trial of that configuration, choices of an order included."""
    return {name: value for name, value in config.items() if name not in OWN_SETTINGS}


def spelt(config: Mapping[str, Any]) -> str:
    """A trial's configuration as a text that is the same wherever the trial is proposed again."""
    left_out = (BEGUN_AS, REPLACES, OWN_LEARNER)
    return json.dumps({name: value for name, value in config.items() if name not in left_out}, sort_keys=True)


def _runs(folder: StoragePath) -> list[str]:
    found = {name: int(match[1] or 1) for name in folder.folders() if (match := _RUN.fullmatch(name))}
    return sorted(found, key=lambda name: found[name])


def _trials(run: StoragePath) -> list[Trial]:
    """The trials in the saved state of one run; none where that is missing, breaks off or cannot be read any more."""
    from ray.tune import ExperimentAnalysis

    where = run.for_ray
    try:
        analysis = ExperimentAnalysis(where["storage_path"], storage_filesystem=where.get("storage_filesystem"))
        return sorted(analysis.trials or (), key=_number)
    except ValueError:  # no state, or JSON that breaks off: Tune was killed early
        return []
    except Exception as error:  # a pickled class may need a module that has gone since
        if isinstance(error, OSError) and is_unreachable(error):
            raise
        log.warning(
            "%s cannot be read (%s): its trials are proposed anew, with the steps in the store",
            redacted(str(run)),
            first_line(error),
        )
        return []


def _number(trial: Trial) -> int:
    """The number of a trial in its run, with which Tune begins its tag; Tune saves trials in any order."""
    number = str(trial.experiment_tag or "").partition("_")[0]
    return int(number) if number.isdigit() else 0
