"""The learners of a sweep: any of the catalogue, by name, with the rank and the schedule that the options ask for."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

from atlas.config.options import Options
from atlas.learners import LEARNERS, Fusion, Learner, Schedule, TwoStage, find_learner, is_known
from atlas.runtime.errors import AtlasError

OWN_LEARNER = "own_learner"  # where a trial's configuration holds the class of a user's own learner
DEFAULT_STEPS = 100
DEFAULT_SCHEDULE = Schedule(batch_size=32, learning_rate=3e-3, query_rate_factor=10.0)
BACKBONE_RATE = 3e-4  # what is pre-trained takes smaller steps than what is drawn


def base_learner(options: Options) -> TwoStage:
    """ATLAS with the rank and the schedule of `options`; the settings that no sweep searches stay as they are here.

    The rate is higher and the batch smaller than the paper's, since the default backbone is a hundred times smaller.
    """
    named = ("steps", "epochs", "batch_size", "learning_rate")
    given: dict[str, Any] = {name: value for name in named if (value := getattr(options, name)) is not None}
    if "steps" not in given and "epochs" not in given:
        given["steps"] = DEFAULT_STEPS
    schedule = replace(DEFAULT_SCHEDULE, **given)
    return TwoStage(fusion=Fusion(), rank=options.rank, experience=schedule, expansion=schedule)


def learner_named(name: str, options: Options) -> Learner:
    """The learner of the catalogue, or the user's own at `FILE.py:NAME`, with the rank and schedule of `options`.

    One of a single stage has it twice as long, so that all have as many updates a task as ATLAS. One that tunes the
    backbone learns at `BACKBONE_RATE`, unless `options` name a rate.
    Raises AtlasError for a name that the catalogue has not, and for a file that does not serve.
    """
    kind, base = find_learner(name), base_learner(options)
    schedule = base.expansion
    if kind.tunes_backbone and options.learning_rate is None:
        schedule = replace(schedule, learning_rate=BACKBONE_RATE)
    made = _made(kind, base.rank, schedule)
    return made if len(made.stages(1)) > 1 else _made(kind, base.rank, schedule.times(2))


def own_class(learner: Learner) -> dict[str, type[Learner]]:
    """The class of a user's own learner for the processes that have not its file; nothing for one of the catalogue.

    Raises AtlasError for a learner that neither the catalogue nor a file gave: steps of its stages would not know
    when they were changed.
    """
    if LEARNERS.get(learner.name) is type(learner):
        return {}
    if not is_known(learner):
        raise AtlasError(
            f"the learner {learner.name!r} is none of the catalogue; put {type(learner).__name__} into a file and take "
            f"it from there: learner_named('FILE.py:{type(learner).__name__}', options)."
        )
    return {OWN_LEARNER: type(learner)}


def _made(kind: type[Learner], rank: int, schedule: Schedule) -> Learner:
    """The learner with this rank and schedule wherever it has one, its own settings else."""
    types = get_type_hints(kind)
    given: dict[str, Any] = {}
    for name in (field.name for field in fields(kind)):
        kinds = (types[name], *get_args(types[name]))
        if name == "rank":
            given[name] = rank
        elif Schedule in kinds:
            given[name] = schedule
        elif TwoStage in kinds:
            given[name] = _made(TwoStage, rank, schedule)
    return kind(**given)
