"""The learners of a sweep: any of the catalogue by name, with the rank and the schedule of the training options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

from atlas.config.training import AUTO, TrainingOptions, check_numbers
from atlas.learners import LEARNERS, Learner, Schedule, TwoStage, find_learner, is_known, learner_from
from atlas.runtime.errors import UserError

OWN_LEARNER = "own_learner"  # key of a trial's configuration: the class of a user-defined learner
DEFAULT_STEPS = 100
DEFAULT_SCHEDULE = Schedule(batch_size=32, learning_rate=3e-3, query_rate_factor=10.0)
BACKBONE_RATE = 3e-4  # pre-trained weights take smaller steps than freshly initialised ones


def base_learner(training: TrainingOptions) -> TwoStage:
    """ATLAS with the rank and the schedule of `training`; the settings that no sweep searches stay as they are here.

    The rate is higher and the batch smaller than the paper's, since the default backbone is a hundred times smaller.
    `training` may name a variant of ATLAS (a `TwoStage`). With `--settings-of` it is that sweep's winner where this is
    ATLAS, at the schedule that `training` gives, if any.
    """
    if isinstance(tuned := tuned_learner(training), TwoStage):
        return tuned
    given = _given(training)
    if "steps" not in given and "epochs" not in given:
        given["steps"] = DEFAULT_STEPS
    schedule = replace(DEFAULT_SCHEDULE, **given)
    named = LEARNERS.get(training.learner, TwoStage)
    kind = named if issubclass(named, TwoStage) else TwoStage
    return kind(rank=training.rank, experience=schedule, expansion=schedule)


def learner_named(name: str, training: TrainingOptions) -> Learner:
    """The learner of the catalogue, or the user's own at `FILE.py:NAME`, with the rank and schedule of `training`.

    A learner of one stage gets twice the schedule, so that all have as many updates a task as ATLAS. One that tunes
    the backbone trains at `BACKBONE_RATE`, unless `training` names a rate.
    The winner that `--settings-of` names has its own settings.
    Raises UserError for an unknown name, and for a file without such a learner.
    """
    if (tuned := tuned_learner(training)) is not None and tuned.name == name:
        return tuned
    kind, base = find_learner(name), base_learner(training)
    schedule = base.expansion
    if kind.tunes_backbone and training.learning_rate is None:
        schedule = replace(schedule, learning_rate=BACKBONE_RATE)
    made = _made(kind, base.rank, schedule)
    return made if _trainings(made) > 1 else _made(kind, base.rank, schedule.times(2))


def _trainings(learner: Learner) -> int:
    """The stages that train a task after the first."""
    return sum(not stage.told_before for stage in learner.stages(1))


def tuned_learner(training: TrainingOptions) -> Learner | None:
    """The winner of the sweep that `--settings-of` names, at the schedule of `training` where one is given; else None.

    Raises UserError for settings that no learner has.
    """
    if not training.tuned:
        return None
    learner, given = _tuned(training.tuned), _given(training)
    if "epochs" in given and "steps" not in given:
        given["steps"] = None
    longer = 2 if given.keys() & {"steps", "epochs"} and _trainings(learner) == 1 else 1
    return _rescheduled(learner, given, longer)


def _tuned(text: str) -> Learner:
    """The learner that `--tuned` describes. Raises UserError for settings that no learner has."""
    try:
        learner = learner_from(tuned_settings(text))
    except (TypeError, ValueError, KeyError, AttributeError) as error:  # settings of other types than they have
        if isinstance(error, UserError):
            raise
        raise UserError(f"--tuned is {text!r}, from which no learner can be made: {error}.") from error
    check_numbers(learner, f"--tuned has the learner {learner.name!r} with")
    return learner


def tuned_settings(text: str) -> dict[str, Any]:
    """The settings that `--tuned` gives. Raises UserError for a text that holds none."""
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise UserError(f"--tuned is {text!r}, no JSON: {error}; --settings-of SWEEP writes it.") from error
    if not isinstance(settings, dict) or not isinstance(settings.get("name"), str):
        raise UserError(
            f"--tuned is {text!r}; give a learner's settings with its name, such as "
            f'{{"name": "atlas", …}}: --settings-of SWEEP writes them.'
        )
    return settings


def _given(training: TrainingOptions) -> dict[str, Any]:
    """The values of a schedule that the options give."""
    named = ("steps", "epochs", "batch_size", "learning_rate", "max_gradient_norm", "decay")
    given = {name: value for name in named if (value := getattr(training, name)) not in (None, AUTO)}
    return given | ({"warmup": 0.0} if training.decay == "constant" else {})


def _rescheduled(learner: Learner, given: Mapping[str, Any], longer: int) -> Learner:
    """The learner, and the one it may be like, with these values in every schedule."""
    changed: dict[str, Any] = {}
    for name, value in vars(learner).items():
        if isinstance(value, Schedule):
            changed[name] = replace(value, **given).times(longer) if given else value
        elif isinstance(value, Learner):
            changed[name] = _rescheduled(value, given, longer)
    return replace(learner, **changed)


def own_class(learner: Learner) -> dict[str, type[Learner]]:
    """The class of a user's own learner for the processes that have not its file; nothing for one of the catalogue.

    Raises UserError for a learner that neither the catalogue nor a file gave: steps of its stages would not know
    when they were changed.
    """
    if LEARNERS.get(learner.name) is type(learner):
        return {}
    if not is_known(learner):
        raise UserError(
            f"the learner {learner.name!r} is none of the catalogue; put {type(learner).__name__} into a file and take "
            f"it from there: learner_named('FILE.py:{type(learner).__name__}', options.training)."
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
