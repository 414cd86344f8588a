"""Options of the search: tasks, orders, trials, seeds, and the downstream tasks that probe them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, get_args

from tyro.conf import arg

from atlas.config.constraint import Constraint, constraints_from
from atlas.config.order_space import OrderSpace, Pair, by_modality
from atlas.config.space import Order
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.text import by_number, counted
from atlas.runtime.user_code import is_address
from atlas.tasks import find_task, twin_of
from atlas.tasks.suites import find_suite, twin_suite

TASKS = ("easy-vqa", "digits", "easy-ve", "piqa-twin")
Aim = Literal["mean", "worst", "q10", "q25", "q50"]
EarlyStop = Literal["none", "median", "asha", "forecast"]
EARLY_STOPS: tuple[EarlyStop, ...] = get_args(EarlyStop)
SAMPLERS = ("random", "tpe", "prefix", "orders")
MODALITY = "modality"
MOST_TRIALS = 10**6
MOST_SEED = 2**32 - 1  # what numpy, and with it Optuna's samplers, take


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Tasks, orders, trials and seeds of a sweep.

    Raises:
        UserError: a task named twice, no task, no trial, no seed, a seed given twice or out of range, an order or
            shots given twice, an unknown rule of early stopping, a constraint that cannot be one.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"coerce_numbers_to_str": True}  # `shots: [64]` in a file

    tasks: Annotated[tuple[str, ...], arg(metavar="TASK [TASK ...]")] = TASKS
    """Names, or your own as FILE.py:NAME."""
    suite: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """A published benchmark: its tasks (or those of them that --tasks names), and its orders by name."""
    downstream: Annotated[tuple[str, ...], arg(metavar="TASK [TASK ...]", help_behavior_hint="")] = ()
    """Tasks trained from few shots after each order."""
    reference: Annotated[str, arg(metavar="TASK", help_behavior_hint="")] = ""
    """A further task, on whose records zscl holds the model near the pre-trained one."""
    shots: Annotated[tuple[str, ...], arg(metavar="N [N ...]")] = ("64",)
    """Records that downstream tasks are trained on: N, N/class, N% or all."""
    twins: bool = False
    """Replace each published task by its generated twin."""
    orders: Annotated[
        tuple[str, ...],
        arg(metavar="ORDER [ORDER ...]", help_behavior_hint="(default: the sweep's own)", aliases=("--order",)),
    ] = ()
    """A number, `all`, orders written a,b,c, or the names of a suite's orders."""
    before: Annotated[tuple[str, ...], arg(metavar="A,B [A,B ...]", help_behavior_hint="")] = ()
    """Search the orders alone in which A comes before B."""
    first: Annotated[str, arg(metavar="A[,B]", help_behavior_hint="")] = ""
    """Search the orders alone that begin with these tasks."""
    last: Annotated[str, arg(metavar="A[,B]", help_behavior_hint="")] = ""
    """Search the orders alone that end with these tasks."""
    together: Annotated[tuple[str, ...], arg(metavar="A,B [A,B ...]", help_behavior_hint="")] = ()
    """Search the orders alone in which these tasks follow one another; or `modality`: those of each modality."""
    subset_size: Annotated[int | None, arg(metavar="K", help_behavior_hint="")] = None
    """Search orders of K of the tasks: which of them, and in which order."""
    sampler: Annotated[str, arg(metavar="NAME", help_behavior_hint="(default: the sweep's own)")] = ""
    """What proposes trials: random, tpe, prefix, orders, or your own as FILE.py:NAME."""
    trials: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: the sweep's own)")] = None
    """Trials (for task-order: the same as a number of --orders)."""
    seeds: Annotated[tuple[int, ...], arg(metavar="SEED [SEED ...]", aliases=("--seed",))] = (0,)
    """Every trial is walked once a seed."""
    seeds_as_needed: bool = False
    """A trial takes one seed; orders that may be the best are tried again with the next."""
    at_most: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE [NAME=VALUE ...]", help_behavior_hint="")] = ()
    """Trials that have more are not the best, nor trained where it is known before: trained_parameters=2%,
    forgetting=3 or another metric, seconds=60."""
    at_least: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE [NAME=VALUE ...]", help_behavior_hint="")] = ()
    """Trials that have less are not the best: average_accuracy=60, or another metric."""
    aim: Aim = "mean"
    """Of several orders, raise their mean, the worst, or a quantile: with q25 a quarter of them may be worse."""
    stop_early: EarlyStop = "none"
    """Stop trials that do badly: first tasks below the median of others, or not in the top third; or a forecast of
    the end, from all scores so far, below the best that is known."""

    def __post_init__(self) -> None:
        named = (*self.tasks, *self.downstream)
        if not self.tasks:
            raise UserError("--tasks names none; give one or more.")
        if len(set(named)) < len(named):
            raise UserError(f"the tasks {', '.join(named)} name one twice; name each once.")
        if self.reference in named:
            raise UserError(
                f"--reference is {self.reference}, which the sweep trains, too; name a task beside those of it "
                f"({', '.join(named)}), or leave it out."
            )
        if self.trials is not None and self.trials < 1:
            raise UserError(f"--trials is {self.trials}; give 1 or more.")
        if self.trials is not None and self.trials > MOST_TRIALS:
            raise UserError(f"--trials is {self.trials}; give at most {MOST_TRIALS}.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UserError(f"--seeds are {list(self.seeds)}; give one or more, each once.")
        if wrong := [seed for seed in self.seeds if type(seed) is not int or not 0 <= seed <= MOST_SEED]:
            raise UserError(f"--seeds has {wrong[0]!r}; give whole numbers from 0 to {MOST_SEED}.")
        if self.stop_early not in EARLY_STOPS:
            raise unknown("value of --stop-early", self.stop_early, EARLY_STOPS)
        if not self.shots:
            raise UserError("--shots names none; give one or more.")
        if len(set(self.shots)) < len(self.shots):
            raise UserError(f"--shots are {' '.join(self.shots)}; give each once.")
        if self.sampler and self.sampler not in SAMPLERS and not is_address(self.sampler):
            raise unknown("sampler", self.sampler, SAMPLERS)
        late = [str(one) for one in self.constraints() if one.needs_training]
        if self.stop_early == "forecast" and late:
            raise UserError(
                f"--stop-early forecast compares with the best trial, which {late[0]} may rule out once it is trained; "
                f"take median, asha or none."
            )

    def constraints(self) -> tuple[Constraint, ...]:
        """The constraints of trials. Raises UserError for texts that are none."""
        return constraints_from(self.at_most, self.at_least)

    @property
    def replicates(self) -> int:
        """The most trials of one order with the same settings: one, or as needed one a seed."""
        return len(self.seeds) if self.seeds_as_needed else 1

    @property
    def named_tasks(self) -> tuple[str, ...]:
        """Every task whose data is taken: those of the orders, those trained after them, and the reference."""
        return (*self.tasks, *self.downstream, *((self.reference,) if self.reference else ()))

    def written_orders(self) -> tuple[Order, ...]:
        """The orders that were written out.

        Raises UserError for one that is not a permutation of the tasks, or of `subset_size` of them, and for one that
        is written twice.
        """
        orders = tuple(_order(text, self.tasks, self.subset_size) for text in self.orders if "," in text)
        for order in orders:
            if orders.count(order) > 1:
                raise UserError(f"--orders has {','.join(order)} twice; give each order once.")
        return orders

    @property
    def order_size(self) -> int:
        """The number of tasks of an order."""
        return self.subset_size or len(self.tasks)

    def space(self) -> OrderSpace:
        """The orders of the tasks, or of `subset_size` of them, that keep to `before`, `first`, `last` and `together`.

        Raises UserError for constraints that name an unknown task, or that no order keeps to, and for a subset of one
        or all of the tasks.
        """
        self._check_subset_size()
        groups = (
            by_modality({task: find_task(task).modality for task in self.tasks}) if MODALITY in self.together else ()
        )
        return _space(
            self.tasks,
            tuple(pair for text in self.before for pair in pairwise(_named(text, "--before", 2))),
            _named(self.first, "--first", 1) if self.first else (),
            _named(self.last, "--last", 1) if self.last else (),
            (*groups, *(_named(text, "--together", 2) for text in self.together if text != MODALITY)),
            self.subset_size,
        )

    def _check_subset_size(self) -> None:
        """Raises UserError for a size that no subset of the tasks has, and for one with last tasks or groups."""
        size, tasks = self.subset_size, len(self.tasks)
        if size is not None and not 2 <= size < tasks:
            allowed = (
                f"give {by_number(tasks - 2, '2', f'2 to {tasks - 1}')}, or" if tasks > 2 else "name more --tasks, or"
            )
            raise UserError(f"--subset-size is {size}, of {counted(tasks, 'task')} in all; {allowed} leave it out.")
        if size is not None and (self.last or self.together):
            raise UserError(
                f"--subset-size {size} with {'--last' if self.last else '--together'}, which speaks of orders of all "
                f"tasks; leave one of the two out (--first and --before go with it)."
            )

    def named_in_orders(self) -> set[str]:
        """The tasks that written orders name, whether or not these are orders of `tasks`."""
        return {part.strip() for text in self.orders if "," in text for part in text.split(",")}

    def resolved(self, usual: Order = TASKS) -> SearchOptions:
        """With the tasks and orders that a suite and `twins` stand for; `usual` are the tasks where none are named.

        Raises UserError for an unknown suite or order, a task that is not of the suite, and a task without a twin.
        """
        return self.with_suite(usual).with_twins()

    def with_suite(self, usual: Order = TASKS) -> SearchOptions:
        """With the tasks and written orders of the suite; the same without one. Raises UserError as `resolved` does."""
        if not self.suite:
            return self
        suite = find_suite(self.suite)
        tasks = suite.tasks if self.tasks == usual else suite.among(self.tasks)
        orders = tuple(
            text if "," in text or text.isdecimal() or text == "all" else ",".join(suite.order(text, tasks))
            for text in self.orders
        )
        return replace(self, tasks=tasks, orders=orders)

    def with_twins(self) -> SearchOptions:
        """With `twins`, the same over the tasks' generated twins. Raises UserError for a task without a twin."""
        if not self.twins:
            return self
        return replace(
            self,
            tasks=tuple(map(twin_of, self.tasks)),
            suite=twin_suite(self.suite) if self.suite else "",
            downstream=tuple(map(twin_of, self.downstream)),
            reference=twin_of(self.reference) if self.reference else "",
            orders=tuple(_twins(text) if "," in text else text for text in self.orders),
            before=tuple(map(_twins, self.before)),
            first=_twins(self.first) if self.first else "",
            last=_twins(self.last) if self.last else "",
            together=tuple(text if text == MODALITY else _twins(text) for text in self.together),
            twins=False,
        )


@lru_cache(maxsize=16)
def _space(
    tasks: Order,
    before: tuple[Pair, ...],
    first: Order,
    last: Order,
    together: tuple[Order, ...],
    length: int | None,
) -> OrderSpace:
    """One space for the same constraints, which counts its orders once."""
    return OrderSpace(tasks, before=before, first=first, last=last, together=together, length=length)


def _named(text: str, flag: str, least: int) -> Order:
    """The tasks that a constraint names."""
    tasks = tuple(part.strip() for part in text.split(","))
    if len(tasks) < least or not all(tasks):
        raise UserError(f"{flag} is {text!r}; give {'tasks' if least == 1 else f'{least} or more tasks'}, written A,B.")
    return tasks


def _twins(text: str) -> str:
    return ",".join(twin_of(task.strip()) for task in text.split(","))


def _order(text: str, tasks: Order, size: int | None) -> Order:
    order = tuple(part.strip() for part in text.split(","))
    for task in order:
        if task not in tasks:
            raise unknown("task in an order", task, tasks)
    if len(set(order)) < len(order):
        raise UserError(f"the order {text} names a task twice; an order takes each of {', '.join(tasks)} once.")
    if size is not None and len(order) != size:
        raise UserError(f"the order {text} takes {counted(len(order), 'task')}; with --subset-size {size} name {size}.")
    if size is None and len(order) < len(tasks):
        missing = ", ".join(task for task in tasks if task not in order)
        raise UserError(f"the order {text} leaves out {missing}; name every task, or leave it out of --tasks.")
    return order
