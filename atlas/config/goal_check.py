"""Checks that the goal of a sweep has a value under its options, before anything is prepared or trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlas.config.beyond import beyond_of
from atlas.config.goal import goal_under
from atlas.config.sweep_check import goals
from atlas.learners.readouts import SIMILARITY
from atlas.metrics import METRICS, OrderScores, Undefined
from atlas.metrics.value import ONE_TASK
from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number
from atlas.steps.beyond import Beyond
from atlas.steps.walk_result import DOWNSTREAM
from atlas.tasks import find_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas.config.options import Options
    from atlas.config.sweep import Sweep
    from atlas.learners import Learner

# Scores that no figure divides by zero for: whether it has a value follows from which scores there are.
SCORE, ALONE, ZERO_SHOT = 60.0, 80.0, 40.0


@dataclass(frozen=True)
class Lack:
    """Why a goal has no value, and what gives it one."""

    reason: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class ScoresTaken:
    """The scores that each walk of a sweep is going to have: of its tasks, and beyond those learnt so far."""

    tasks: tuple[str, ...]
    beyond: Beyond | None = None

    def matrix(self, route: str) -> NDArray[np.float64]:
        """R [T, T] of a route, NaN where nothing is scored."""
        before = np.array([self._before(route, task) for task in self.tasks])
        return np.where(np.tri(len(self.tasks), dtype=bool) | before, SCORE, np.nan)

    def _before(self, route: str, task: str) -> bool:
        """Whether a task is scored before it is learnt: those of a label space are, on both routes."""
        if self.beyond is None or route == "own":
            return False
        return (self.beyond.ahead and route == "latest") or (
            not self.beyond.growing and task in self.beyond.label_space
        )

    def lack(self, route: str, metric: str) -> str:
        """The reason why the metric has no value; "" where it has one."""
        known = self.beyond is not None and (route == "latest" or not self.beyond.growing)
        untrained = [ZERO_SHOT] * len(self.tasks) if known else None
        scores = OrderScores(R=self.matrix(route), single_task=[ALONE] * len(self.tasks), untrained=untrained)
        value = METRICS[metric].compute(scores)
        return value.reason if isinstance(value, Undefined) else ""


def check_goal(sweep: Sweep, options: Options, learner: Learner | None = None) -> None:
    """Raises UserError for a goal that no walk has a value of: trials would be ranked by another figure.

    `learner`: the one that is trained; None where the sweep chooses among several.
    """
    goal = goal_under(sweep, options.search)
    lack = lack_of(goal, options, learner)
    if lack is None:
        return
    defined = [one for one in goals() if lack_of(one, options, learner) is None]
    raise UserError(
        f"the goal of the sweep {sweep.name} is {goal!r}, which has no value here: {lack.reason}; {lack.remedy}. "
        f"Goals that have one: {', '.join(defined)}."
    )


def lack_of(goal: str, options: Options, learner: Learner | None = None) -> Lack | None:
    """What a goal lacks under these options; None where it has a value. Raises UserError as `beyond_of`."""
    if goal == DOWNSTREAM:
        told = Lack("no task is trained after an order", "name one by --downstream, or take another goal")
        return None if options.search.downstream else told
    route, _, metric = goal.partition("/")
    beyond = beyond_of(options)
    if route == "free" and (lack := _no_free_route(options, beyond)):
        return lack
    if learner is not None and beyond is not None:
        if route == "free" and (lack := _no_free_answers(learner)):
            return lack
        beyond = _taken_of(learner, beyond)
    taken = ScoresTaken(tasks=options.search.tasks[: options.search.order_size], beyond=beyond)
    reason = taken.lack(route, metric)
    return Lack(reason, _remedy(taken, route, metric, reason)) if reason else None


def _no_free_route(options: Options, beyond: Beyond | None) -> Lack | None:
    """What route `free` lacks: a label space with all tasks in it."""
    space = beyond.label_space if beyond is not None else ()
    if not space:
        similarity = "" if options.training.readout == SIMILARITY else f" and --readout {SIMILARITY}"
        return Lack("route free is not scored without a label space", f"give --label-space all{similarity}")
    others = [task.name for task in map(find_task, options.search.tasks) if task.name not in space]
    if not others:
        return None
    return Lack(
        f"route free has no answers for {', '.join(others)}, which {by_number(len(others), 'does', 'do')} "
        f"not name pictures by classes alone",
        f"leave {by_number(len(others), 'it', 'them')} out of the tasks",
    )


def _no_free_answers(learner: Learner) -> Lack | None:
    """Why a learner has no answers on route `free`."""
    remedy = "take another learner, or another goal"
    if learner.lineage == "none":
        return Lack(f"the learner {learner.name!r} has a model for each task, and none for all", remedy)
    return Lack(f"the learner {learner.name!r} has to be told a record's task", remedy) if _is_told(learner) else None


def _taken_of(learner: Learner, beyond: Beyond) -> Beyond | None:
    """The scores beyond those of the tasks learnt so far that are taken of a learner's models."""
    if learner.lineage == "none":
        return None
    taken = replace(beyond, label_space=()) if _is_told(learner) else beyond
    return taken if taken.ahead or taken.label_space else None


def _is_told(learner: Learner) -> bool:
    return any(stage.by_task for stage in learner.stages(0))


def _remedy(taken: ScoresTaken, route: str, metric: str, reason: str) -> str:
    if reason == ONE_TASK:
        return "give --tasks two tasks or more"
    every = replace(taken, beyond=Beyond(ahead=True, label_space=taken.tasks))
    if every.lack(route, metric):
        return "take another goal"
    return "give --label-space all" if route == "free" else f"give --score-ahead yes, with --readout {SIMILARITY}"
