"""The user-defined learner of a recorded run: loaded from its file, which has to be unchanged."""

from __future__ import annotations

from atlas.learners import LEARNERS, find_learner, learner_address, learner_digest
from atlas.reproduce.recorded_run import RecordedRun
from atlas.runtime.errors import AtlasError, UserError

SHOWN = 12


def load_recorded_learner(recorded: RecordedRun, given: str = "") -> None:
    """Load it from `given`, `FILE.py:NAME`, or else from the file that was recorded.

    Raises:
        UserError: its file is gone, was changed, or holds another learner.
    """
    name, address = recorded.options.training.learner, given or recorded.learner
    if name in LEARNERS and not given:
        return
    try:
        found = find_learner(address or name).name
    except AtlasError as error:
        raise UserError(f"{error} {name!r} is a learner of your own; name its file: --learner FILE.py:NAME.") from error
    if found != name:
        raise UserError(f"{address} is the learner {found!r}; the run {recorded.name} is of {name!r}.")
    check_learners(recorded)


def check_learners(recorded: RecordedRun) -> None:
    """Raises UserError where the file of a user-defined learner has changed: its steps would have other keys."""
    origin = recorded.summary.origin
    for name, was in (origin.learners if origin is not None else {}).items():
        here = learner_digest(name)
        if here and here != was:
            file = learner_address(name).rpartition(":")[0]
            raise UserError(
                f"the file {file} of the learner {name!r} was changed since the run: sha256 recorded {was[:SHOWN]}, "
                f"here {here[:SHOWN]}. Its steps would be different, and nothing was trained; restore the file, or "
                f"name the one that the run was made with: --learner FILE.py:NAME."
            )
