"""A user's own tasks and learner in the options: by address `FILE.py:NAME`, or by the names that steps are made of."""

from __future__ import annotations

from atlas.config.options import Options
from atlas.learners import find_learner, learner_address
from atlas.tasks import find_task, task_address


def with_names(options: Options) -> Options:
    """The options with tasks and learner by name; their files are run. Raises UserError for one that is unknown."""
    return options.changed(
        tasks=tuple(find_task(name).name for name in options.search.tasks),
        downstream=tuple(find_task(name).name for name in options.search.downstream),
        learner=find_learner(options.training.learner).name,
    )


def with_addresses(options: Options) -> Options:
    """The options with user-defined tasks and learner by the addresses at which another process finds them."""
    return options.changed(
        tasks=tuple(map(task_address, options.search.tasks)),
        downstream=tuple(map(task_address, options.search.downstream)),
        learner=learner_address(options.training.learner),
    )
