"""The learner of a recorded run, where it is the user's own: found by its file, which has to be as it was."""

from __future__ import annotations

from atlas.learners import LEARNERS, address_of, digest_of, find_learner
from atlas.reproduce.recorded_run import RecordedRun
from atlas.runtime.errors import AtlasError

SHOWN = 12


def bring_learner(recorded: RecordedRun, given: str = "") -> None:
    """Have it known by its name: from the file `given`, `FILE.py:NAME`, or else from the one that was recorded.

    Raises:
        AtlasError: its file is gone, was changed, or holds another learner.
    """
    name, address = recorded.options.training.learner, given or recorded.learner
    if name in LEARNERS and not given:
        return
    try:
        found = find_learner(address or name).name
    except AtlasError as error:
        raise AtlasError(
            f"{error} {name!r} is a learner of your own; name its file: --learner FILE.py:NAME."
        ) from error
    if found != name:
        raise AtlasError(f"{address} is the learner {found!r}; the run {recorded.name} is of {name!r}.")
    check_learners(recorded)


def check_learners(recorded: RecordedRun) -> None:
    """Raises AtlasError where the file of a learner that was brought is not the recorded one: its steps are others."""
    for name, was in recorded.summary.get("origin", {}).get("learners", {}).items():
        here = digest_of(name)
        if here and here != was:
            file = address_of(name).rpartition(":")[0]
            raise AtlasError(
                f"the file {file} of the learner {name!r} was changed since the run: sha256 recorded {was[:SHOWN]}, "
                f"here {here[:SHOWN]}. Its steps would be others, and nothing was trained; restore the file, or name "
                f"the one that the run was made with: --learner FILE.py:NAME."
            )
