"""An experiment: a sweep, its options and the precision, which together decide every step that may be trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from atlas.backbones.base import readouts_of
from atlas.config.beyond import beyond_of
from atlas.config.captions_check import check_captions
from atlas.config.goal import goal_under
from atlas.config.goal_check import check_goal
from atlas.config.learners import base_learner, learner_named, own_class
from atlas.config.options import Options
from atlas.config.order_check import check_forecast, check_orders
from atlas.config.reference_check import check_reads, check_reference
from atlas.config.replicates import check_replicates, seeds_of
from atlas.config.shots import check_shots
from atlas.config.space import MOST_ORDERS, Order, named_orders, order_count
from atlas.config.suggestions import NamingTrial
from atlas.config.sweep import Sweep, no_search
from atlas.config.sweep_check import check_learner, check_parameters, own_error
from atlas.config.trial import TrialConfig
from atlas.learners import LEARNERS, HeadOnly, Learner, Precision, TwoStage, ZeroShot
from atlas.learners.downstream import WAYS, Way
from atlas.learners.readouts import ANSWERS, LIKELIHOOD, SIMILARITY, WORDED
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.text import counted
from atlas.steps.probe import Probe, shots_from
from atlas.steps.walk import Walk
from atlas.tasks import find_task

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A sweep with its options, computed in one precision. Its walks are the same in every process.

    `grid`: every setting of a space that is walked whole, in place of the sweep's points.
    """

    sweep: Sweep
    options: Options
    precision: Precision = "float32"
    grid: tuple[Mapping[str, Any], ...] = ()

    @property
    def goal(self) -> str:
        """The objective of the trials. Raises UserError as `goal_under`."""
        return goal_under(self.sweep, self.options.search)

    def trial_count(self) -> int:
        """The number of trials: as given, else the sweep's own; never more than there are orders to search
        (times the seeds, where they are taken as needed).

        Raises UserError for `--orders` that are neither a number nor orders, more than a sweep walks, or another
        number than `--trials`.
        """
        search = self.options.search
        if not self.sweep.searches_orders:
            return search.trials or max(1, self.sweep.trials - len(self.left_out()))
        number, written = self._order_number(), search.written_orders()
        asked = len(written) or number
        if search.trials and asked and search.trials != asked:
            raise UserError(
                f"--trials is {search.trials} and --orders asks for {asked:,}, but a trial of the sweep "
                f"{self.sweep.name} is an order; give one of the two."
            )
        if written:
            return len(written)
        most = search.space().count() * search.replicates
        return self._bounded(min(most, search.trials or number or self.sweep.trials))

    @property
    def stops_trials(self) -> bool:
        """Whether trials may be stopped before their end, by `--stop-early` or the sweep's scheduler."""
        return self.sweep.scheduler is not None or self.options.search.stop_early != "none"

    def points(self) -> tuple[Mapping[str, Any], ...]:
        """The settings of the first trials: the grid, or the sweep's points, or those that it has for a smoke run."""
        if self.grid:
            return self.grid
        return self.sweep.points_under(self.options, smoke=self.options.run.smoke)

    def left_out(self) -> list[Mapping[str, Any]]:
        """The sweep's points that do not suit the options."""
        suiting = self.sweep.points_under(self.options, smoke=False)
        return [point for point in self.sweep.all_points(self.options) if point not in suiting]

    def orders(self) -> tuple[Order, ...]:
        """The orders that every trial walks; none where the sweep searches them. Raises UserError as `trial_count`."""
        if self.sweep.searches_orders:
            return ()
        search = self.options.search
        number = self._bounded(self._order_number() or min(2, order_count(search.tasks)))
        return search.written_orders() or named_orders(search.tasks, number)

    def orders_in_words(self) -> str:
        """The number of orders that are walked, of all that there are: `6 of 24`."""
        search = self.options.search
        if self.sweep.searches_orders:
            asked, count, space = search.trials or self._order_number() or 0, self.trial_count(), search.space()
            more = f" ({asked:,} are asked for; there are no more)" if asked > count else ""
            limits = f" with {space.in_words()}" if space.is_constrained else ""
            if search.seeds_as_needed:
                orders = counted(space.count(), "order")
                return f"{counted(count, 'trial')}{more}, each one of {orders}{limits} with one seed"
            return f"{count:,} of {space.count():,}{limits}{more}"
        return f"{len(self.orders()):,} of {order_count(search.tasks):,}, in every trial"

    def check(self) -> None:
        """Check everything that needs nothing but the options.

        Raises UserError for invalid orders, an unknown learner, or one that this sweep does not use, and for a goal
        that has no value.
        """
        check_orders(self.sweep, self.options)
        self.trial_count()
        self.orders()
        self.references()
        beyond_of(self.options)
        if self.sweep.scheduler is not None and self.options.search.stop_early != "none":
            raise UserError(
                f"--stop-early is {self.options.search.stop_early}, but the sweep {self.sweep.name} has a scheduler of "
                f"its own, which stops trials; leave one of the two out."
            )
        check_forecast(self.sweep, self.options.search)
        check_replicates(self.sweep, self.options.search)
        check_shots(self.sweep, self.options)
        training = self.options.training
        learner = learner_named(training.learner, training)
        trained = learner if self.sweep.learner is no_search or self.sweep.any_learner else None
        check_goal(self.sweep, self.options, trained)
        check_reference(self.options.search, trained)
        check_captions(self.options.search, trained)
        if self.sweep.learner is no_search:
            self._probes_of(learner)
        elif not self.sweep.any_learner and not isinstance(learner, TwoStage):
            variants = " or ".join(name for name, kind in LEARNERS.items() if issubclass(kind, TwoStage))
            raise UserError(
                f"--learner {training.learner}: the sweep {self.sweep.name} chooses its learners itself, and "
                f"takes {variants} alone; give --learner to the sweeps task-order or learner."
            )

    def propose(self, trial: optuna.Trial) -> TrialConfig:
        """A trial's configuration: the learner, the orders that it walks, the seeds and the probes.

        Raises UserError where the sweep's function fails, returns no learner or suggests a reserved name, and for
        probes, or a goal, of a learner that cannot take them.
        """
        search = self.options.search
        learner = self._suggested(trial).at_precision(self.precision)
        learner = learner.with_readout(self.options.training.readout).with_towers(self.options.training.towers)
        probes = self._probes_of(learner)
        orders = self.orders() or (search.space().suggest(trial),)
        learner = learner.with_reference(search.reference) if search.reference else learner
        check_reads(search, learner)
        check_captions(search, learner)
        check_goal(self.sweep, self.options, learner)
        own_class(learner)  # refuses a learner that other processes could not build
        return TrialConfig(
            learner=learner,
            orders=orders,
            seeds=seeds_of(trial, search),
            probes=probes,
            beyond=beyond_of(self.options),
        )

    def refused(self, reason: str) -> TrialConfig:
        """The configuration of a trial that could not be proposed, for this reason: it fails, and trains nothing."""
        search, learner = self.options.search, self._base_learner()
        return TrialConfig(
            learner=learner,
            orders=self.orders() or (next(search.space().orders()),),
            seeds=search.seeds[:1],
            refused=reason,
        )

    def _suggested(self, trial: optuna.Trial) -> Learner:
        """The learner that the sweep's function suggests. Raises UserError as `propose` does."""
        before = set(trial.params)
        try:
            learner = self.sweep.learner(cast("optuna.Trial", NamingTrial(trial)), self.options)
        except AtlasError:
            raise
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise own_error(error, self.sweep.name) from error
        check_parameters(set(trial.params) - before, self.sweep.name)
        return check_learner(learner, self.sweep.name)

    def probes(self, ways: tuple[Way, ...] = ("experience", "both")) -> tuple[Probe, ...]:
        """The probes of every order: each downstream task, from each number of shots, in each of the ways."""
        search = self.options.search
        shots = [shots_from(text) for text in search.shots]
        return tuple(
            Probe(task=task, way=way, shots=some) for task in search.downstream for some in shots for way in ways
        )

    def bare_probes(self) -> list[Walk]:
        """The same probes, and the head alone, on the bare backbone M_0: the baseline of what an order adds."""
        learner, probes = self._base_learner(), self.probes(WAYS)
        return [
            Walk(order=(), learner=learner, seed=seed, probes=probes) for seed in self.options.search.seeds if probes
        ]

    def references(self) -> dict[str, list[Walk]]:
        """The baselines of trials, each task alone: single-task adapters (`lone`), the `head_only`, and `untrained`.

        The head alone has as many updates as both stages together. `zero_shot`: the bare backbone, where it can answer
        by similarity, of the tasks with images, or in words.
        """
        base, search = self._base_learner(), self.options.search
        learners: dict[str, Learner] = {
            "lone": base,
            "head_only": HeadOnly(schedule=base.expansion.times(2)),
            "untrained": HeadOnly(schedule=replace(base.expansion, steps=0)),
        }
        readout = self.options.training.readout
        learners = {name: learner.with_readout(readout) for name, learner in learners.items()}
        walks = {
            name: [Walk(order=(task,), learner=learner, seed=seed) for seed in search.seeds for task in search.tasks]
            for name, learner in learners.items()
        }
        return {**walks, **({"zero_shot": zero_shot} if (zero_shot := self._zero_shot()) else {})}

    def _zero_shot(self) -> list[Walk]:
        """The walks of the bare backbone over each task that it can answer; none where it can answer none."""
        search, training = self.options.search, self.options.training
        allowed = readouts_of(training.backbone)
        usual = next((one for one in (SIMILARITY, LIKELIHOOD) if one in allowed), None)
        readout = training.readout if training.readout in WORDED else usual
        if readout is None:
            return []
        learner = ZeroShot().at_precision(self.precision)
        learner = learner if readout == SIMILARITY else learner.with_readout(readout)
        tasks = [find_task(name) for name in search.tasks]
        seen = [
            task.name
            for task in tasks
            if task.answer_kind in ANSWERS[readout] and (readout != SIMILARITY or task.modality != "language")
        ]
        return [Walk(order=(task,), learner=learner, seed=seed) for seed in search.seeds for task in seen]

    def auxiliary_walks(self) -> list[Walk]:
        """The walks that no trial takes: references and bare probes."""
        return [*(walk for walks in self.references().values() for walk in walks), *self.bare_probes()]

    def _base_learner(self) -> TwoStage:
        training = self.options.training
        learner = base_learner(training).at_precision(self.precision)
        learner = learner.with_readout(training.readout).with_towers(training.towers)
        assert isinstance(learner, TwoStage)
        return learner

    def _probes_of(self, learner: Learner) -> tuple[Probe, ...]:
        probes = self.probes()
        if probes and not isinstance(learner, TwoStage):
            raise UserError(
                f"--downstream with the learner {learner.name!r}: unseen tasks are trained as 'atlas' trains; "
                f"leave --downstream out, or take that learner."
            )
        return probes

    def _bounded(self, orders: int) -> int:
        if orders > MOST_ORDERS:
            tasks = self.options.search.tasks
            raise UserError(
                f"{counted(orders, 'order')} are asked for, of the {order_count(tasks):,} of "
                f"{counted(len(tasks), 'task')}; a sweep walks at most {MOST_ORDERS:,}: give --orders a number up "
                f"to that, which are sampled, or fewer --tasks."
            )
        return orders

    def _order_number(self) -> int | None:
        """The number that `--orders` gives; None where it gives none. Raises UserError for any other word."""
        search = self.options.search
        if all("," in text for text in search.orders):
            return None
        if search.orders == ("all",):
            return search.space().count() if self.sweep.searches_orders else order_count(search.tasks)
        if len(search.orders) > 1 or not search.orders[0].isdecimal() or int(search.orders[0]) < 1:
            raise UserError(
                f"--orders is {' '.join(search.orders)!r}; give a number of 1 or more, `all`, or orders written a,b,c "
                f"(with --suite, its orders by name, too)."
            )
        return int(search.orders[0])
