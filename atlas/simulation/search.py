"""The search of a simulated sweep: the real sampler, objective and scheduler, trials taken in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import optuna

from atlas.config.experiment import Experiment
from atlas.config.trial import TrialConfig
from atlas.execution.job import StepFailed
from atlas.search.early_stopping import make_stopper
from atlas.search.gaussian_process_sampler import SCORES
from atlas.search.optuna_search import ASKED_FOR, PASSED_OVER
from atlas.search.proposals import leaves_orders_out, make_sampler, points_of
from atlas.search.trial_course import Answer, CourseSetup, StepRequest, advance, course
from atlas.search.trial_report import TrialReport
from atlas.simulation.broker_handle import BrokerHandle
from atlas.simulation.memory_store import MemoryStore
from atlas.simulation.pruning import Pruner

Orders = tuple[tuple[str, ...], ...]
TrialState = optuna.trial.TrialState


@dataclass(frozen=True, kw_only=True)
class SimulatedTrial:
    """A trial that has ended, at `ended` virtual seconds, when the sweep had trained `steps_trained` steps.

    `seeds` are those that it walked with. One that was `pruned` by the sweep's scheduler has the objective of its last
    report.
    """

    number: int
    orders: Orders
    seeds: tuple[int, ...]
    objective: float | None
    error: str
    ended: float
    steps_trained: int
    pruned: bool = False


@dataclass(frozen=True)
class _Outcome:
    """How a trial ended."""

    objective: float | None = None
    error: str = ""
    pruned: bool = False

    @property
    def state(self) -> TrialState:
        if self.pruned:
            return TrialState.PRUNED
        return TrialState.FAIL if self.objective is None else TrialState.COMPLETE


@dataclass(kw_only=True)
class SimulatedSearch:
    """A search over the experiment's space, `at_once` trials at a time; `ended` are those that have ended so far."""

    experiment: Experiment
    setup: CourseSetup
    broker: BrokerHandle
    store: MemoryStore
    at_once: int
    ended: list[SimulatedTrial] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopper = make_stopper(self.experiment)
        self._pruner = Pruner(self.experiment.sweep.scheduler, self.experiment.options, self._stopper)

    async def run(self) -> None:
        """Take all trials."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=make_sampler(self.experiment))
        for point in points_of(self.experiment):
            study.enqueue_trial(point, user_attrs={ASKED_FOR: True})
        numbers = iter(range(self.experiment.trial_count()))
        await asyncio.gather(*(self._take_trials(numbers, study) for _ in range(self.at_once)))

    async def _take_trials(self, numbers: Iterator[int], study: optuna.Study) -> None:
        """Take one trial after another."""
        for number in numbers:
            asked, config = self._ask(study)
            try:
                outcome = await self._take(config, number, asked)
            except StepFailed as failure:
                self._pruner.fails(number)
                outcome = _Outcome(error=str(failure))
            value = outcome.objective if outcome.state is TrialState.COMPLETE else None
            study.tell(asked, value, state=outcome.state)
            self.ended.append(self._trial(number, config, outcome))

    def _ask(self, study: optuna.Study) -> tuple[optuna.Trial, TrialConfig]:
        """The first proposal that would not be pruned at once, as `PruningOptunaSearch` takes it."""
        asked = study.ask()
        config = self.experiment.propose(asked)
        for _ in range(PASSED_OVER if leaves_orders_out(self.experiment) else 0):
            if ASKED_FOR in asked.user_attrs or not self._stopper.is_pruned(config):
                break
            study.tell(asked, state=TrialState.PRUNED)
            asked = study.ask()
            config = self.experiment.propose(asked)
        return asked, config

    async def _take(self, config: TrialConfig, number: int, asked: optuna.Trial) -> _Outcome:
        """Walk a trial's course to its end, or to where the scheduler stops it. Raises StepFailed."""
        scope = "" if self.experiment.options.run.sharing else f"private/{number}"
        steps, outcome = course(config.walks(), self.setup), _Outcome()
        said = advance(steps, None)
        while said is not None:
            if isinstance(said, TrialReport):
                asked.set_user_attr(SCORES, said.scores)
                outcome = _Outcome(objective=said.objective, pruned=self._pruner.stops(number, config, said))
                if outcome.pruned:
                    return outcome
                said = advance(steps, None)
            else:
                said = advance(steps, await self._answer(said, scope))
        return outcome

    async def _answer(self, said: StepRequest, scope: str) -> Answer:
        if said.later:
            await self.broker.describe(said.later)
        if said.ahead:
            await self.broker.anticipate(said.ahead, scope)
        if said.shared:
            return await self.broker.request_trainable(said.steps)
        return await self.broker.request(said.steps, scope)

    def _trial(self, number: int, config: TrialConfig, outcome: _Outcome) -> SimulatedTrial:
        return SimulatedTrial(
            number=number,
            orders=config.orders,
            seeds=config.seeds,
            objective=outcome.objective,
            error=outcome.error,
            ended=asyncio.get_running_loop().time(),
            steps_trained=len(self.store.trained),
            pruned=outcome.pruned,
        )
