"""Rows of a plan that say what an option comes to: early stopping, held-out orders, shots, towers, points left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.config.goal import RELATIVE
from atlas.learners.frozen_type import frozen_type, type_beside
from atlas.runtime.text import by_number, counted
from atlas.search.early_stopping import rule_in_words
from atlas.steps.probe import shots_from
from atlas.steps.walk_result import DOWNSTREAM
from atlas.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas.config.constraint import Constraint
    from atlas.config.experiment import Experiment
    from atlas.config.options import Options
    from atlas.config.search import SearchOptions
    from atlas.search.proposals import Proposals

VISION = "vision"


def notes(experiment: Experiment, *, sizes: Mapping[str, int], towers: Sequence[str]) -> dict[str, str]:
    """Label → text, of the options that are given. sizes: task → records of train; towers: those of the backbone."""
    rows = {
        "early stopping": rule_in_words(experiment),
        "held out": _held_out(experiment),
        "ranked by": _measure(experiment),
        "shots": _shots(experiment.options.search, sizes),
        "weights": _weights(experiment),
        "adapters in": _towers(experiment.options, towers),
        "left out": _left_out(experiment),
    }
    return {label: text for label, text in rows.items() if text}


def constraints_in_words(constraints: Sequence[Constraint], proposals: Proposals) -> str:
    """The constraints, and how many of the foreseen trials are not trained since they would miss one."""
    missed = sum(not walks for walks in proposals.trials)
    trials = counted(len(proposals.trials), "trial")
    verbs = by_number(missed, "misses them, and is", "miss them, and are")
    left = [f"{missed} of {trials} {verbs} not trained"] if missed else []
    return "; ".join([" ".join(map(str, constraints)), *left])


def _held_out(experiment: Experiment) -> str:
    """How many orders are left for the winner, of those that the sweep asks for; empty where it asks for none."""
    asked = experiment.sweep.held_out
    left = experiment.options.search.space().count() - experiment.trial_count()
    if not asked:
        return ""
    if left < asked and experiment.options.search.seeds_as_needed:
        return f"up to {counted(asked, 'order')} that no trial walks, for the winner"
    if left < asked:
        return f"{left} of {counted(asked, 'order')}: the trials walk all others, give them fewer by --orders"
    return f"{counted(asked, 'order')} that no trial walks, for the winner"


def _measure(experiment: Experiment) -> str:
    """The objective where orders take subsets of the tasks; empty where they take all."""
    if experiment.options.search.subset_size is None:
        return ""
    if experiment.goal == DOWNSTREAM:
        return "the mean score of the downstream tasks, the same after every subset"
    name = experiment.goal.partition("/")[2].replace("_", " ")
    relative = ": a task's score in percent of that of the task alone, which compares subsets"
    return f"{name}{relative if experiment.goal.endswith(RELATIVE) else ''}"


def _left_out(experiment: Experiment) -> str:
    """The points that the options leave out; empty where they suit all."""
    values = [str(value) for point in experiment.left_out() for value in point.values()]
    return f"{', '.join(values)}: not with these options" if values else ""


def _shots(search: SearchOptions, sizes: Mapping[str, int]) -> str:
    """The shots, and which tasks have fewer records than they ask for; empty without downstream tasks."""
    if not search.downstream:
        return ""
    few = [
        f"{task} has {counted(sizes[task], 'record')}, and {text} takes them all"
        for text in search.shots
        for task in search.downstream
        if (shots := shots_from(text)) is not None and shots.count is not None and shots.count > sizes[task]
    ]
    return "; ".join([" ".join(search.shots), *few])


def _weights(experiment: Experiment) -> str:
    """The type that `--weights` asks for, and that other steps are trained with it; empty where none is asked for."""
    asked, precision = experiment.options.cluster.weights, experiment.precision
    if asked == "auto":
        return ""
    if not type_beside(precision, asked):
        return f"{asked}, the usual ones in {precision}"
    return f"{asked} in place of {frozen_type(precision)}: other results, and steps of their own"


def _towers(options: Options, known: Sequence[str]) -> str:
    """The towers that `--towers` names, and the tasks that do not pass through them; empty where it names none."""
    towers = set(options.training.towers)
    if not towers:
        return ""
    named = " and ".join(sorted(towers))
    blind = [task for task in options.search.tasks if find_task(task).modality == "language"]
    if not blind or towers != {VISION}:
        return named
    whole = " and ".join(one for one in known if one != VISION)
    have = by_number(len(blind), "has", "have")
    return f"{named}; {', '.join(blind)} {have} no images, so that only a head learns: give {whole}, too"
