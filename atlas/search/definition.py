"""The definition of a search as its sweep's folder records it, and how it differs from that of a resumed sweep.

    was: SearchDefinition (of the folder)        the sweep's file and inputs as they are now: Experiment, StepInputs
                     └──────────────── changes_since ──────────────┘

The space is a function: it is recorded by what it suggests for trials drawn at random, and for the same parameters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from atlas.config.experiment import Experiment
from atlas.learners import learner_digest, learner_from
from atlas.runtime.errors import UserError
from atlas.search.proposals import make_sampler
from atlas.search.sampled_space import SampledSpace, sample_space
from atlas.steps.step import RECIPE, StepInputs
from atlas.storage.filesystem import write_whole

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DEFINITION = "definition.json"
VERSION = 1
KEPT_SAMPLES = 8


class LearnerSample(BaseModel):
    """A trial drawn at random: its number, the suggested parameters and the settings of the learner for them."""

    model_config = ConfigDict(frozen=True)

    number: int
    parameters: Mapping[str, JsonValue]
    learner: Mapping[str, JsonValue]


class SearchDefinition(BaseModel):
    """A search as it was started: from the sweep's file, and the inputs on which its scores depend.

    space: parameter → its values, in words; digests: own learner → sha256 of its file; sampler, scheduler: their
    classes; backbone, data: digests; revision: that of the arithmetic of its learners' adapters on the backbone.
    `changes` are the lines of those that the sweep has gone on with since.
    """

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    trials: int
    goal: str
    searches_orders: bool
    points: tuple[Mapping[str, JsonValue], ...]
    space: Mapping[str, str]
    samples: tuple[LearnerSample, ...]
    sampler: str
    scheduler: str
    digests: Mapping[str, str]
    backbone: str
    data: Mapping[str, str]
    recipe: int
    revision: int = 0
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A difference in one line; `final` where finished trials could not be compared with those after it."""

    line: str
    final: bool = False


def define_search(experiment: Experiment, inputs: StepInputs) -> SearchDefinition:
    """The definition of an experiment's search."""
    return _defined(experiment, inputs, sample_space(experiment))


def read_definition(folder: Path) -> SearchDefinition | None:
    """The definition in a sweep's folder; None where an earlier version started it. Raises UserError for a bad file."""
    path = folder / DEFINITION
    if not path.is_file():
        return None
    try:
        found = SearchDefinition.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(
            f"{path} cannot be read: delete it to resume without comparing the sweep's file with what it was."
        ) from error
    if found.version > VERSION:
        raise UserError(f"{path} is of version {found.version}; this atlas reads up to {VERSION}: use a newer one.")
    return found


def write_definition(definition: SearchDefinition, folder: Path) -> None:
    """Write it into a sweep's folder, whole or not at all."""
    write_whole(folder / DEFINITION, definition.model_dump_json(indent=1).encode())


def changes_since(was: SearchDefinition, experiment: Experiment, inputs: StepInputs) -> list[Change]:
    """The changes of a sweep since it was started."""
    sampled = sample_space(experiment)
    now = _defined(experiment, inputs, sampled)
    return [
        *_changed_inputs(was, now),
        *_changed_values(was, now),
        *_changed_points(was, now),
        *_changed_space(was, now),
        *_changed_learners(was, experiment),
    ]


def _defined(experiment: Experiment, inputs: StepInputs, sampled: SampledSpace) -> SearchDefinition:
    sweep, options = experiment.sweep, experiment.options
    samples = tuple(
        LearnerSample(number=one.number, parameters=one.parameters, learner=_plain(one.learner))
        for one in sampled.samples[:KEPT_SAMPLES]
    )
    names = sorted({str(one.learner["name"]) for one in sampled.samples if "name" in one.learner})
    return SearchDefinition(
        trials=experiment.trial_count(),
        goal=experiment.goal,
        searches_orders=sweep.searches_orders,
        points=tuple(_plain(point) for point in sweep.all_points(options)),
        space={name: values_in_words(one) for name, one in sorted(sampled.distributions.items())},
        samples=samples,
        sampler=type(make_sampler(experiment)).__name__ if sweep.sampler or options.search.sampler else "",
        scheduler=type(sweep.scheduler(options)).__name__ if sweep.scheduler else "",
        digests={name: digest for name in names if (digest := learner_digest(name))},
        backbone=inputs.backbone,
        data=dict(inputs.data),
        recipe=RECIPE,
        revision=_revision(inputs, sampled) if inputs.revisions else 0,
    )


def _revision(inputs: StepInputs, sampled: SampledSpace) -> int:
    """The greatest revision of the stages of the learners that were drawn."""
    learners = [learner_from(one.learner) for one in sampled.samples]
    stages = [learner.given(stage) for learner in learners for stage in learner.stages(0)]
    return max(map(inputs.revision_of, stages), default=0)


def values_in_words(distribution: BaseDistribution) -> str:
    """The values that a distribution gives: `2, 4, 8`, or `0.0001 to 0.1, logarithmic`."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(map(str, distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = distribution.step or 0
    stepped = f" in steps of {step:g}" if step and (step != 1 or isinstance(distribution, FloatDistribution)) else ""
    return f"{distribution.low:g} to {distribution.high:g}{stepped}{', logarithmic' if distribution.log else ''}"


def _changed_inputs(was: SearchDefinition, now: SearchDefinition) -> Iterator[Change]:
    if was.recipe != now.recipe:
        yield Change(
            f"this version of atlas trains steps otherwise (recipe {was.recipe}, now {now.recipe})", final=True
        )
    if was.revision != now.revision:
        yield Change(
            f"this version of atlas computes adapters on the backbone otherwise (revision {was.revision}, now "
            f"{now.revision})",
            final=True,
        )
    if was.backbone != now.backbone:
        yield Change("the backbone has other weights than it had", final=True)
    for task, fingerprint in was.data.items():
        if now.data.get(task) != fingerprint:
            yield Change(f"the data of {task} are prepared otherwise than they were", final=True)


def _changed_values(was: SearchDefinition, now: SearchDefinition) -> Iterator[Change]:
    if was.searches_orders != now.searches_orders:
        yield Change(f"searches_orders: was {was.searches_orders}, is {now.searches_orders}", final=True)
    if was.goal != now.goal:
        yield Change(f"goal: was {was.goal}, is {now.goal}", final=True)
    for name in ("trials", "sampler", "scheduler"):
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            yield Change(f"{name}: was {before or 'the default'}, is {after or 'the default'}")


def _changed_points(was: SearchDefinition, now: SearchDefinition) -> Iterator[Change]:
    before, after = (list(map(_shown, one.points)) for one in (was, now))
    gone, new = ([point for point in some if point not in other] for some, other in ((before, after), (after, before)))
    if gone or new or len(before) != len(after):
        told = [f"without {point}" for point in gone] + [f"with {point}" for point in new]
        yield Change(f"points: were {len(before)}, are {len(after)} ({', '.join(told) or 'one is there twice'})")
    elif before != after:
        yield Change("points: the same in another order")


def _changed_space(was: SearchDefinition, now: SearchDefinition) -> Iterator[Change]:
    for name in sorted(was.space.keys() | now.space.keys()):
        before, after = was.space.get(name, "not there"), now.space.get(name, "not there")
        if before != after:
            yield Change(f"parameter {name}: was {before}; is {after}")


def _changed_learners(was: SearchDefinition, experiment: Experiment) -> Iterator[Change]:
    """Own learners whose files differ, and the first setting that differs for the same parameters."""
    for name, digest in was.digests.items():
        if learner_digest(name) and learner_digest(name) != digest:
            yield Change(f"the file of the learner {name}, or a module beside it, is another")
    for sample in was.samples:
        settings = _settings_for(sample, experiment)
        if settings is not None and (told := _first_difference(sample.learner, settings)):
            given = f" with {_shown(sample.parameters)}" if sample.parameters else ""
            yield Change(f"the learner{given}: {told}")
            return


def _settings_for(sample: LearnerSample, experiment: Experiment) -> Mapping[str, JsonValue] | None:
    """The learner's settings for the same parameters; None where the space takes others."""
    from optuna.trial import FixedTrial

    space = experiment.options.search.space()
    order = space.params(next(space.orders())) if experiment.sweep.searches_orders else {}
    trial: Any = FixedTrial({**sample.parameters, **order}, sample.number)
    try:
        return _plain(experiment.propose(trial).learner.settings())
    except (ValueError, AttributeError, UserError):  # a parameter without a value
        return None


def _first_difference(was: object, now: object, path: str = "") -> str:
    """The first value that differs, by its path, with both values; empty where none does."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        each = (
            _first_difference(was.get(name), now.get(name), f"{path}.{name}" if path else name)
            for name in {**was, **now}
        )
        return next(filter(None, each), "")
    return "" if was == now else f"{path} was {was}, is {now}"


def _plain(value: Mapping[str, Any]) -> Any:
    """As JSON has it, so that what was read compares with what is."""
    return json.loads(json.dumps(value, default=str))


def _shown(parameters: Mapping[str, JsonValue]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items()) or "no parameters"
