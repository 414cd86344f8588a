"""Question: how many steps does each search train until an order within 1 % of the best is known?

Command: python -m benchmarks.search --tasks 6 7 8 10 --noise 0 1 --tables benchmarks/tables/f*.json --rows FILE
         python -m benchmarks.search --tasks --rows FILE --picture docs/assets/order-search.png
Cost: about 60 minutes on one core, with 30 seeds. Expect: the Gaussian process needs a third of the steps, or fewer.

A step is a distinct prefix; trials share steps as the broker shares them. An order is known at the first trial from
which on, to the last, the search's recommendation is within 1 % of the range (best minus worst) of the best, in true
values without noise. A search recommends the order of the best mean that it tried; the Gaussian process that of the
best modelled value of those tried. A search ends at `BUDGETS` steps; one that does not know by then needs more, which
the table says as `> 300`.

Worlds are synthetic landscapes, one a seed, and tables of real scores (benchmarks/record_table.py), of which the mean
over the seeds is the truth. With noise, in points, an order that is tried again is trained anew with another seed: its
steps count again. In a landscape each step then shifts its scores by a draw of its own; in a table, whose noise is what
it is, it has the scores of one of the seeds. Without noise no search needs to try an order twice.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from atlas.config.order_space import OrderSpace
from atlas.config.space import Order
from atlas.report.canvas import BEST, INK, MUTED, STYLE, THIRD, WORST, new_figure
from atlas.search.gaussian_process_sampler import SCORES, GaussianProcessOrderSampler
from atlas.search.prefix_sampler import PrefixSampler
from benchmarks.worlds import World, recorded_worlds, synthetic

BUDGETS = {3: 15, 4: 64, 5: 325, 6: 300, 7: 400, 8: 500, 10: 600}  # steps, by tasks
TICKS = (20, 50, 100, 200, 500, 1000, 2000)  # steps, of the picture
COLUMNS = "{:>18} {:>6} {:>22} {:>8} {:>15} {:>8}"
COLOURS = {
    "random": MUTED,
    "TPE, Lehmer digits": THIRD,
    "TPE, random keys": INK,
    "TPE, prefix tree": WORST,
    "Gaussian process": BEST,
}


Suggest = Callable[[OrderSpace, optuna.Trial], Order]
Make = Callable[[World, int, float], BaseSampler]
SEARCHES: dict[str, tuple[Make, Suggest]] = {
    "random": (lambda world, seed, noise: RandomSampler(seed=seed), OrderSpace.suggest),
    "TPE, Lehmer digits": (lambda world, seed, noise: TPESampler(seed=seed), OrderSpace.suggest_digits),
    "TPE, random keys": (lambda world, seed, noise: TPESampler(seed=seed), OrderSpace.suggest_keys),
    "TPE, prefix tree": (lambda world, seed, noise: PrefixSampler(world.tasks, seed=seed), OrderSpace.suggest),
    "Gaussian process": (
        lambda world, seed, noise: GaussianProcessOrderSampler(
            world.tasks, seed=seed, noisy=noise > 0, replicates=world.replicates
        ),
        OrderSpace.suggest,
    ),
}


def steps_until_known(name: str, world: World, *, seed: int, noise: float, budget: int) -> float:
    """Steps until the recommendation stays within 1 % of the best; infinite where it does not by the budget's end."""
    worst, best = world.extremes
    least, space = best - 0.01 * (best - worst), OrderSpace(world.tasks)
    make, suggest = SEARCHES[name]
    sampler = make(world, seed, noise)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    values: defaultdict[Order, dict[int, float]] = defaultdict(dict)
    trained: set[tuple[int, Order]] = set()
    known = math.inf
    for _ in range(budget):
        if len(trained) >= budget:
            break
        trial = study.ask()
        order = suggest(space, trial)
        replicate = len(values[order]) % (world.replicates or budget) if noise else 0
        rows = _rows(world, order, noise, search=seed, replicate=replicate)
        trained |= {(replicate, order[: place + 1]) for place in range(len(order))}
        values[order][replicate] = sum(rows[-1]) / len(order)
        trial.set_user_attr(SCORES, rows)
        study.tell(trial, values[order][replicate])
        good = world.value(recommended(sampler, study, values)) >= least
        known = min(known, len(trained)) if good else math.inf
        if good and not noise:
            break  # without noise the best that was tried stays so
    return known


def recommended(sampler: BaseSampler, study: optuna.Study, values: Mapping[Order, Mapping[int, float]]) -> Order:
    """The order that the search believes to be the best of those tried."""
    if isinstance(sampler, GaussianProcessOrderSampler) and sampler.noisy and (model := sampler.model(study)):
        return model.recommended
    return max(values, key=lambda order: float(np.mean(list(values[order].values()))))


def interval(steps: Sequence[float], *, draws: int = 2000) -> tuple[float, float]:
    """The 95 % bootstrap interval of the median. Bounds may be infinite."""
    drawn = np.random.default_rng(0).choice(np.array(steps), (draws, len(steps)))
    medians = np.sort(np.sort(drawn, axis=1)[:, (len(steps) - 1) // 2])
    return float(medians[int(0.025 * draws)]), float(medians[int(0.975 * draws)])


@dataclass(frozen=True, kw_only=True)
class Row:
    """A search in a kind of world: the steps that each seed needed."""

    world: str
    noise: float
    search: str
    budget: int
    steps: tuple[float, ...]

    @property
    def median(self) -> float:
        """The lower median; infinite where most seeds never knew."""
        return sorted(self.steps)[(len(self.steps) - 1) // 2]

    def columns(self) -> tuple[str, ...]:
        """The row as it is printed."""
        low, high = map(self._shown, interval(self.steps))
        known = sum(map(math.isfinite, self.steps))
        between = f"{low} to {high}" if low != high else low
        return (
            self.world,
            f"{self.noise:g}",
            self.search,
            self._shown(self.median),
            between,
            f"{known}/{len(self.steps)}",
        )

    def _shown(self, steps: float) -> str:
        return f"{steps:.0f}" if math.isfinite(steps) else f"> {self.budget}"


def rows_of(given: argparse.Namespace) -> Iterator[Row]:
    """Every search in every world that is asked for."""
    for noise in given.noise:
        for count in given.tasks:
            yield from _compared(
                f"{count} tasks", [synthetic(count, seed) for seed in range(given.seeds)], noise, given
            )
    for path in given.tables:
        variants = recorded_worlds(path)
        worlds, name = [variants[seed % len(variants)] for seed in range(given.seeds)], f"{path.stem} (real)"
        for noise in given.noise:
            if not noise:
                yield from _compared(name, worlds, 0.0, given)
            elif variants[0].replicates > 1:
                yield from _compared(name, worlds, round(variants[0].noise, 1), given)


def draw_picture(rows: Sequence[Row], path: Path) -> None:
    """Medians with intervals by world, the real ones first, a colour a search; of those that every world has.

    One that does not know by its budget is a triangle there.
    """
    import matplotlib as mpl

    drawn = {(row.world, row.noise, row.search) for row in rows}
    worlds = sorted(dict.fromkeys((row.world, row.noise) for row in rows), key=lambda one: "real" not in one[0])
    names = [name for name in SEARCHES if all((*world, name) in drawn for world in worlds)]
    figure, (axes,) = new_figure(8, 4.2, 1, 1)
    with mpl.rc_context({**STYLE, "svg.hashsalt": "search"}):
        for number, name in enumerate(names):
            for row in (row for row in rows if row.search == name):
                place = worlds.index((row.world, row.noise)) + (number - (len(names) - 1) / 2) * 0.16
                low, high = (min(steps, row.budget) for steps in interval(row.steps))
                axes.plot([place, place], [low, high], color=COLOURS[name], linewidth=1.5)
                known = math.isfinite(row.median)
                axes.plot(place, row.median if known else row.budget, "o" if known else "^", color=COLOURS[name])
            axes.plot([], [], "o", color=COLOURS[name], label=name)
        labels = [world.replace(" (", "\n(") + (f"\nnoise {noise:g}" if noise else "") for world, noise in worlds]
        axes.set_xticks(range(len(worlds)), labels, fontsize=8)
        axes.set(yscale="log", ylabel="steps until an order within 1 % is known")
        axes.set_yticks(TICKS, [str(steps) for steps in TICKS])
        axes.set_yticks([], minor=True)
        axes.grid(visible=False, axis="x")
        axes.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.12), frameon=False)
        figure.savefig(path, facecolor="white", metadata={"Date": None})


def main() -> None:
    """Print a table: a row for each search in each world. Keep the rows in a file, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, nargs="*", default=[6], choices=sorted(BUDGETS))
    parser.add_argument("--tables", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0], help="standard deviation, in points")
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=SEARCHES)
    parser.add_argument("--budget", type=int, metavar="STEPS", help="where a search ends, instead of BUDGETS")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="add the rows to a file; those in it are drawn too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the rows as svg or png")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = [Row(**row) for row in json.loads(given.rows.read_text())] if given.rows and given.rows.exists() else []
    print(COLUMNS.format("world", "noise", "search", "median", "95 %", "known"), flush=True)
    for row in kept:
        print(COLUMNS.format(*row.columns()))
    for row in rows_of(given):
        kept.append(row)
        print(COLUMNS.format(*row.columns()), flush=True)
        if given.rows:
            given.rows.write_text(json.dumps([vars(one) for one in kept], indent=1))
    if given.picture:
        draw_picture(kept, given.picture)


def _compared(name: str, worlds: Sequence[World], noise: float, given: argparse.Namespace) -> Iterator[Row]:
    budget = given.budget or BUDGETS[len(worlds[0].tasks)]
    for search in given.searches:
        steps = [
            steps_until_known(search, world, seed=seed, noise=noise, budget=budget) for seed, world in enumerate(worlds)
        ]
        yield Row(world=name, noise=noise, search=search, budget=budget, steps=tuple(steps))


def _rows(world: World, order: Order, noise: float, *, search: int, replicate: int) -> list[list[float]]:
    """The scores after each task of an order, as a trial tells them."""
    prefixes = [order[: place + 1] for place in range(len(order))]
    if not noise:
        return [list(world.scores(prefix)) for prefix in prefixes]
    return [list(world.drawn(prefix, noise, search=search, replicate=replicate)) for prefix in prefixes]


if __name__ == "__main__":
    main()
