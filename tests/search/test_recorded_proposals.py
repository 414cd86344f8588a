"""The proposals of the sampler of orders, as recorded when it read all trials anew for each.

A study's trials are the same to the last, whether what is known of them is kept or read again.
"""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass

import optuna
import pytest

from atlas.config.order_space import OrderSpace
from atlas.search.gaussian_process_sampler import REPLICATE, SCORES, GaussianProcessOrderSampler
from atlas.simulation.landscape import SyntheticLandscape

RATES = {"slow": 0.0, "fast": 6.0, "mid": 3.0}


@dataclass(frozen=True, kw_only=True)
class World:
    """A study: its orders as recorded, and how its trials end. `at_once` trials run together."""

    orders: str
    noisy: bool = False
    replicates: int | None = None
    by_mean: bool = False
    settings: bool = False
    pruned: bool = False
    at_once: int = 1
    seed: int = 0


WORLDS = {
    "eight tasks": World(
        orders="fdbhgeca faechdgb hfecgdab fheadcgb fhecdgba fgahedcb afhecdgb fhecgbda fhcegbda fchegbda chegbfda "
        "gfchebda chegbadf cfhegbda chegbafd chegbfad hegbafdc heagbfdc hecgbfda cgbfhaed",
        seed=2,
    ),
    "means": World(
        orders="fbcead dcabef fdbace fdebca cdafbe fbcdae bfcdae bdacfe fabcde cdfbae bcdfae cfdbae fcbdae fcdaeb",
        by_mean=True,
    ),
    "noise": World(
        orders="bcead daecb aecdb caedb acebd acedb edacb acbed abedc acdbe acbed acbed acbed acbed acbed acbed "
        "acbed acbed acbed acbed acbed acbed cbaed acdeb",
        noisy=True,
    ),
    "seeds, five at once": World(
        orders="bcead0 bcaed0 debac0 bcdae0 ecdba0 daecb0 aedcb0 aebdc0 aecdb0 cedab0 edacb0 acdeb0 cdabe0 ecdab0 "
        "daceb0 dbaec0 acdeb1 acbed0 acbed1 acdbe0 acdbe1 acbde0 acbde1 abcde0 acedb0",
        noisy=True,
        replicates=2,
        at_once=5,
    ),
    "settings, three at once": World(
        orders="bcead bcaed debac daecb dacbe acbed acbed cedba ecdab acedb acbed acdeb acbed acbed acbde edacb "
        "acbed acbed acbed acbed acbed acbed abced cdabe",
        settings=True,
        at_once=3,
    ),
    "pruned, two at once": World(
        orders="bcead bcaed daecb dbace aedcb abecd acedb cbeda acbed acdbe acdeb ecdab acbde eacdb cabed edbac "
        "adcbe cdeab dacbe deacb abcde bacde abced edcab",
        pruned=True,
        at_once=2,
    ),
}


def proposed(world: World, *, read_again_after: int) -> str:
    """The orders of as many trials as were recorded; the sampler forgets what it knows after each so many."""
    wanted = world.orders.split()
    tasks = tuple(sorted(wanted[0].rstrip("01")))
    landscape, space = SyntheticLandscape(tasks=tasks, seed=world.seed), OrderSpace(tasks)
    study = optuna.create_study(direction="maximize")
    study.sampler = GaussianProcessOrderSampler(tasks, seed=world.seed, noisy=world.noisy, replicates=world.replicates)
    found: list[str] = []
    running: list[tuple[optuna.Trial, tuple[str, ...], float, int]] = []
    for number in range(len(wanted)):
        if number % read_again_after == read_again_after - 1:
            study.sampler = pickle.loads(pickle.dumps(study.sampler))
        trial = study.ask()
        more = suggested(trial, number) if world.settings else 0.0
        order = space.suggest(trial)
        replicate = trial.suggest_int(REPLICATE, 0, world.replicates - 1) if world.replicates else 0
        found.append("".join(order) + (str(replicate) if world.replicates else ""))
        running.append((trial, order, more, replicate))
        if len(running) >= world.at_once:
            end(study, world, landscape, *running.pop(0))
    return " ".join(found)


def suggested(trial: optuna.Trial, number: int) -> float:
    """What settings add: a choice, a number, and one more that some trials have."""
    more = RATES[trial.suggest_categorical("rate", list(RATES))] - 2.0 * abs(trial.suggest_float("size", 0, 1) - 0.3)
    if number % 3:
        trial.suggest_float("some", 0, 1)
    return more


def end(
    study: optuna.Study,
    world: World,
    landscape: SyntheticLandscape,
    trial: optuna.Trial,
    order: tuple[str, ...],
    more: float,
    replicate: int,
) -> None:
    """End a trial, with noise that its order and replicate draw."""
    draw = random.Random(f"{order}{replicate}")
    rows = [
        [score + more + (draw.gauss(0, 1) if world.noisy else 0.0) for score in landscape.scores(order[: place + 1])]
        for place in range(len(order))
    ]
    pruned = world.pruned and draw.random() < 0.25
    rows = rows[:2] if pruned else rows
    if world.by_mean:
        for count, row in enumerate(rows, start=1):
            trial.report(sum(row) / count, step=count)
    else:
        trial.set_user_attr(SCORES, rows)
    if pruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, sum(rows[-1]) / len(rows[-1]))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_proposals_are_those_that_were_recorded_and_what_is_read_again_changes_none(world: World) -> None:
    assert proposed(world, read_again_after=7) == world.orders
