"""Checks of a sweep's definition, before anything is prepared or trained."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from atlas.config.command_line import flag_of
from atlas.config.options import GROUP_OF, Options
from atlas.config.space import AFTER, is_order_choice
from atlas.config.sweep import Sweep
from atlas.config.training import check_numbers
from atlas.config.trial import RESERVED
from atlas.learners import Learner
from atlas.metrics import METRICS
from atlas.metrics.cost import COST_NAMES
from atlas.metrics.metric import ROUTES
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.names import check_parameter_name
from atlas.runtime.user_code import own_failure
from atlas.steps.walk_result import DOWNSTREAM

FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "learner": ("trial", "options"),
    "suits": ("point", "options"),
    "sampler": ("options",),
    "scheduler": ("options",),
}


def check_sweep(sweep: object) -> None:
    """Check the fields of a sweep that a file defines.

    Raises:
        UserError: no `Sweep`; a name, question, function, number, goal, objective, point or options that cannot be one.
    """
    if not isinstance(sweep, Sweep):
        raise UserError(f"what is to be run is {_shown(sweep)}; give an atlas.sweep.Sweep.")
    _check_texts(sweep)
    _check_functions(sweep)
    if isinstance(sweep.trials, bool) or not isinstance(sweep.trials, int) or sweep.trials < 1:
        raise UserError(f"the trials of the sweep {sweep.name} are {sweep.trials!r}; give a number of 1 or more.")
    if sweep.goal not in goals():
        raise unknown(f"goal of the sweep {sweep.name}", sweep.goal, goals())
    if isinstance(sweep.held_out, bool) or not isinstance(sweep.held_out, int) or sweep.held_out < 0:
        raise UserError(f"held_out of the sweep {sweep.name} is {sweep.held_out!r}; give a number of orders, or 0.")
    if sweep.held_out and not sweep.searches_orders:
        raise UserError(
            f"the sweep {sweep.name} holds orders out, but every trial walks the same ones; give searches_orders=True."
        )
    for name in sweep.objectives:
        if name not in COST_NAMES:
            raise unknown(f"objective of the sweep {sweep.name}", name, COST_NAMES)
    for name in ("defaults", "small"):
        if not isinstance(getattr(sweep, name), Options):
            raise UserError(
                f"the {name} of the sweep {sweep.name} are {_shown(getattr(sweep, name))}; give Options.of(…)."
            )
    for name in sweep.searched:
        if name not in GROUP_OF:
            raise unknown(f"searched option of the sweep {sweep.name}", name, GROUP_OF)
    _check_points(sweep)


def goals() -> list[str]:
    """The objectives that a sweep may raise: figures of which more is better."""
    higher = (metric for metric in METRICS.values() if metric.better == "higher")
    return [*(f"{route}/{metric.name}" for metric in higher for route in ROUTES if route in metric.routes), DOWNSTREAM]


def check_learner(learner: object, sweep: str) -> Learner:
    """What the learner function of a sweep returned.

    Raises UserError where it is no learner, or one with numbers that no option could have.
    """
    if isinstance(learner, Learner):
        check_numbers(learner, f"the learner function of the sweep {sweep} returned {type(learner).__name__} with")
        return learner
    if learner is None:
        hint = "does it lack a `return`?"
    elif isinstance(learner, type) and issubclass(learner, Learner):
        hint = f"call it: {learner.__name__}(…)."
    else:
        hint = "give a learner, such as base_learner(options.training)."
    raise UserError(f"the learner function of the sweep {sweep} returned {_shown(learner)}; {hint}")


def check_parameters(names: Iterable[str], sweep: str) -> None:
    """Raises UserError for suggested parameters whose names are those of a trial's own configuration."""
    for name in names:
        if name in RESERVED or is_order_choice(name):
            raise UserError(
                f"the sweep {sweep} suggests a parameter named {name!r}, which would hide one of a trial's own "
                f"({', '.join(sorted(RESERVED))}, and names that begin with {AFTER!r}); give it another name."
            )
        check_parameter_name(name, sweep)


def own_error(error: Exception | SystemExit, sweep: str) -> UserError:
    """The error of a sweep's own learner function, in one line that names the place."""
    return UserError(f"the learner function of the sweep {sweep} fails: {own_failure(error)}.")


def _check_texts(sweep: Sweep) -> None:
    if not isinstance(sweep.name, str) or not sweep.name.strip():
        raise UserError(f"the sweep's name is {sweep.name!r}; give a text that is not empty.")
    if not isinstance(sweep.question, str):
        raise UserError(
            f"the question of the sweep {sweep.name} is {sweep.question!r}; write a docstring at the top of its file "
            f"(question=__doc__), or give a text."
        )


def _check_functions(sweep: Sweep) -> None:
    for name, arguments in FUNCTIONS.items():
        function = getattr(sweep, name)
        if function is not None or name == "learner":
            _check_function(sweep, name, arguments)


def _check_function(sweep: Sweep, name: str, arguments: tuple[str, ...]) -> None:
    function = getattr(sweep, name)
    if not callable(function) or not _takes(function, len(arguments)):
        raise UserError(
            f"the {name} of the sweep {sweep.name} is {_shown(function)}; give a function "
            f"{name}({', '.join(arguments)})."
        )


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether the function can be called with so many arguments; yes where it does not say."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _check_points(sweep: Sweep) -> None:
    for name, points in {"points": sweep.points, "smoke_points": sweep.smoke_points}.items():
        if name == "points" and callable(points):
            _check_function(sweep, name, ("options",))
            continue  # what it gives is known with the options, and held against the space before the search
        if isinstance(points, Mapping | str) or not isinstance(points, Iterable):
            raise UserError(f"the {name} of the sweep {sweep.name} are {_shown(points)}; give a tuple of dicts.")
        for number, point in enumerate(points, start=1):
            if not isinstance(point, Mapping) or not all(isinstance(parameter, str) for parameter in point):
                raise UserError(
                    f"point {number} of the sweep {sweep.name} is {_shown(point)}; give a dict of parameters by name."
                )


def check_searched(sweep: Sweep, options: Options, named: Collection[str] = ()) -> None:
    """Check that no option is given which the sweep searches by itself.

    An option counts as given where it differs from the sweep's defaults, or is `named` on the command line.

    Raises:
        UserError: one is.
    """
    given, usual = options.flat(), sweep.defaults.flat()
    for name in sweep.searched:
        if name in named or given[name] != usual[name]:
            raise UserError(
                f"{flag_of(name)} is {given[name]}, but the sweep {sweep.name} searches it by itself; leave it out, or "
                f"narrow what the `learner` of a sweep of your own suggests."
            )


def _shown(value: object) -> str:
    """A value as a message shows it: short, a class or function by its name."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if callable(value):
        return f"the function {getattr(value, '__name__', type(value).__name__)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
