"""Held-out orders: the setting that the search chose, walked along orders that no trial took."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from atlas.config.experiment import Experiment
from atlas.config.order_space import all_orders
from atlas.config.space import Order, named_orders, order_count
from atlas.report.summary import HeldOut, OrderAccuracies, SeedScores
from atlas.search.trial_record import TrialRecord
from atlas.steps.walk import Walk
from atlas.steps.walk_result import WalkResult, relative_score

LISTED = 8  # tasks of which all orders are drawn from; of more, a few that differ much


def held_out_walks(experiment: Experiment, trials: Sequence[TrialRecord]) -> list[Walk]:
    """The walks of the best trial's setting along the sweep's number of held-out orders; none before all have ended.

    The orders are drawn by the sweep's first seed from those that no trial took, and keep to the sweep's constraints.
    """
    best = best_trial(trials)
    if not experiment.sweep.held_out or best is None or len(trials) < experiment.trial_count():
        return []
    orders = _unseen(experiment, trials)[: experiment.sweep.held_out]
    return [replace(walk, probes=()) for walk in replace(best.config, orders=tuple(orders)).walks()] if orders else []


def best_trial(trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The trial of the highest objective, of those that may be the best; None where there is none."""
    finished = [trial for trial in trials if trial.may_win and trial.objective is not None]
    return max(finished, key=lambda trial: trial.objective or 0.0, default=None)


def held_out_scores(
    trials: Sequence[TrialRecord],
    outcomes: Mapping[str, Sequence[WalkResult]],
    held_out: Sequence[WalkResult],
    alone: SeedScores | None = None,
) -> HeldOut | None:
    """The scores of the best trial's setting on the orders that it was tried on, and on held-out ones; None without it.

    `outcomes` are the walks of each trial, by its id. Walks that are not complete are left out. Scores are relative to
    those of each task `alone`, where these are given: as orders take different tasks.
    """
    best = best_trial(trials)
    if best is None:
        return None
    alike = [one for one in trials if one.status == "FINISHED" and one.config.learner == best.config.learner]
    chosen_by = [outcome for one in alike for outcome in outcomes[one.id]]
    return HeldOut(trial=best.id, chosen_by=_scores(chosen_by, alone), held_out=_scores(held_out, alone))


def _unseen(experiment: Experiment, trials: Sequence[TrialRecord]) -> list[Order]:
    tasks, seed = experiment.options.search.tasks, experiment.options.search.seeds[0]
    taken = {order for trial in trials for order in trial.config.orders}
    space, many = experiment.options.search.space(), len(tasks) > LISTED
    named = named_orders(tasks, min(order_count(tasks), 4 * len(tasks))) if many else ()
    some = filter(space.begins, (order[: space.size] for order in named))
    left = sorted({*(some if many else all_orders(space, seed))} - taken)
    random.Random(seed).shuffle(left)
    return left


def _scores(walked: Sequence[WalkResult], alone: SeedScores | None) -> OrderAccuracies:
    """Average accuracy (test, route latest) of each order after its last task, the mean over seeds."""
    by_order: dict[Order, list[float]] = {}
    for order, accuracy in _accuracies(walked, alone):
        by_order.setdefault(order, []).append(accuracy)
    return OrderAccuracies(
        orders=tuple(by_order), accuracies=tuple(sum(found) / len(found) for found in by_order.values())
    )


def _accuracies(walked: Sequence[WalkResult], alone: SeedScores | None) -> Iterator[tuple[Order, float]]:
    for one in walked:
        if not one.is_complete:
            continue
        order, last = one.walk.order, one.matrix("test", "latest")[-1]
        if alone is not None:
            known = alone.get(one.walk.seed, {})
            against = [known[task].test if task in known else None for task in order]
            last = list(map(relative_score, last, against))
        yield order, sum(last) / len(last)
