"""The numbers of records that unseen tasks are trained from, as options give them."""

from __future__ import annotations

from atlas.config.options import Options
from atlas.config.search import SearchOptions
from atlas.config.sweep import Sweep
from atlas.data.few_shot import Shots
from atlas.runtime.errors import UserError
from atlas.steps.probe import shots_from
from atlas.tasks import find_task

ALL = Shots(fraction=1.0)  # what `--shots all` is the same as


def check_shots(sweep: Sweep, options: Options) -> None:
    """Raises UserError for shots without downstream tasks, or that are the same; for those a class without classes.

    A sweep that began with them goes on.
    """
    search = options.search
    if options.run.resume:
        return
    sizes = [shots_from(text) or ALL for text in search.shots]
    if len(set(sizes)) < len(sizes):
        raise UserError(f"--shots are {' '.join(search.shots)}, of which two are the same; give each once.")
    by_class = [text for text in search.shots if text.endswith("/class")]
    classless = [name for name in search.downstream if by_class and find_task(name).has_references]
    if classless:
        raise UserError(
            f"--shots {by_class[0]}: the answers of {', '.join(classless)} are texts, not classes; give a number "
            f"or a share of records, such as {by_class[0].removesuffix('/class')}."
        )
    usual = {SearchOptions.shots, sweep.defaults.search.shots, sweep.small.search.shots}
    if not search.downstream and search.shots not in usual:
        raise UserError(
            f"--shots is {' '.join(search.shots)}, but no task is trained from few shots: name such tasks by "
            f"--downstream, or leave it out."
        )
