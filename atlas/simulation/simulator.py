"""The simulator: a whole sweep with the real broker, sampler and objective, in virtual time.

experiment = Experiment(sweep=Sweep(name="mine", question="", searches_orders=True, sampler=my_sampler),
                        options=Options.of(tasks=("a", "b", "c", "d", "e"), orders=("40",)))
swept = Simulation(experiment=experiment, landscape=SyntheticLandscape(tasks="abcde")).run()
swept.steps_trained, swept.best.orders
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import optuna

from atlas.config.experiment import Experiment
from atlas.config.trial import TrialConfig
from atlas.execution.broker import Broker
from atlas.execution.job import StepFailed
from atlas.execution.status import BrokerStatus
from atlas.search.proposals import foresee, make_sampler, points_of
from atlas.search.trial_course import CourseSetup, advance, course
from atlas.search.trial_report import TrialReport
from atlas.simulation.broker_handle import BrokerHandle, VirtualClock
from atlas.simulation.fleet import SimulatedFleet, Stop
from atlas.simulation.landscape import Landscape
from atlas.simulation.memory_store import MemoryStore, MemoryStoreView
from atlas.simulation.virtual_time import run_virtually
from atlas.steps.graph import WalkGraph
from atlas.steps.step import StepInputs

Orders = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Faults by the virtual seconds at which they happen: those of fleets, by the fleet's number, and the broker's.

    `stops` kill or resize a fleet; during `silences` it renews no lease; at `restarts` the broker loses all it knows.
    """

    stops: Mapping[int, Sequence[Stop]] = field(default_factory=dict)
    silences: Mapping[int, Sequence[tuple[float, float]]] = field(default_factory=dict)
    restarts: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class SimulatedTrial:
    """A trial that has ended, at `ended` virtual seconds, when the sweep had trained `steps_trained` steps."""

    number: int
    orders: Orders
    objective: float | None
    error: str
    ended: float
    steps_trained: int


@dataclass(frozen=True, kw_only=True)
class SimulatedSweep:
    """A simulated sweep that has ended.

    `seconds` of virtual time; `busy` is the share of them that fleets trained steps which were committed; `in_vain`
    the seconds of training that were lost.
    """

    trials: Sequence[SimulatedTrial]
    seconds: float
    steps_trained: int
    trained_twice: int
    busy: float
    in_vain: float
    status: BrokerStatus

    @property
    def best(self) -> SimulatedTrial:
        """The trial of the highest objective. Raises ValueError where none has one."""
        return max((one for one in self.trials if one.objective is not None), key=lambda one: one.objective or 0.0)


@dataclass(kw_only=True)
class Simulation:
    """A sweep to simulate: `experiment` on `fleets` fleets, `at_once` trials at a time.

    Steps are looked up in the `landscape`. Several simulations may share a `store`, as sweeps do.
    """

    experiment: Experiment
    landscape: Landscape
    fleets: int = 2
    at_once: int = 4
    startup: float = 20.0
    faults: Faults = field(default_factory=Faults)
    step_inputs: StepInputs | None = None
    store: MemoryStore = field(default_factory=MemoryStore)
    owner: str = "sweep"

    def run(self) -> SimulatedSweep:
        """Run the sweep in a virtual time of its own."""
        return run_virtually(self.simulate())

    async def simulate(self) -> SimulatedSweep:
        """Run the sweep in the virtual time of the running loop."""
        began = asyncio.get_running_loop().time()
        broker = BrokerHandle(self._broker)
        fleets = [self._fleet(number, broker) for number in range(self.fleets)]
        training = asyncio.gather(*(fleet.run() for fleet in fleets))
        faults = asyncio.ensure_future(self._restart_broker(broker, began))
        try:
            await self._prefetch(broker)
            trials = await self._search(broker)
            status = await broker.call(lambda alive: alive.status())
            await broker.call(lambda alive: alive.close())
            await training
        finally:  # a sweep that is cancelled leaves nothing running, as a killed driver
            faults.cancel()
            training.cancel()
            await asyncio.gather(training, faults, return_exceptions=True)
        return self._swept(trials, fleets, status, asyncio.get_running_loop().time() - began)

    @property
    def inputs(self) -> StepInputs:
        """The inputs of all steps: those given, or made-up digests."""
        tasks = (*self.experiment.options.search.tasks, *self.experiment.options.search.downstream)
        return self.step_inputs or StepInputs(backbone="simulated", data={task: f"data of {task}" for task in tasks})

    def _broker(self) -> Broker:
        return Broker(MemoryStoreView(self.store, self.owner), clock=VirtualClock())

    def _fleet(self, number: int, broker: BrokerHandle) -> SimulatedFleet:
        return SimulatedFleet(
            name=f"{self.owner}-fleet-{number}",
            broker=broker,
            store=self.store,
            landscape=self.landscape,
            startup=self.startup,
            stops=self.faults.stops.get(number, ()),
            silences=self.faults.silences.get(number, ()),
        )

    async def _restart_broker(self, broker: BrokerHandle, began: float) -> None:
        """Restart the broker whenever that is due, and queue again the steps that are known beforehand."""
        loop = asyncio.get_running_loop()
        for at in self.faults.restarts:
            await asyncio.sleep(max(0.0, began + at - loop.time()))
            broker.restart()
            await self._prefetch(broker)

    async def _prefetch(self, broker: BrokerHandle) -> None:
        """Queue the steps that are known before any trial asks for them."""
        proposals, options = foresee(self.experiment), self.experiment.options
        walks = [*self.experiment.auxiliary_walks(), *(proposals.walks if proposals.exact else ())]
        steps = WalkGraph(self.inputs).distinct(walks) if options.run.sharing else []
        await broker.tell(steps, lambda alive: alive.anticipate([step.key for step in steps]))

    async def _search(self, broker: BrokerHandle) -> list[SimulatedTrial]:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=make_sampler(self.experiment))
        for point in points_of(self.experiment):
            study.enqueue_trial(point)
        numbers, ended = iter(range(self.experiment.trial_count())), list[SimulatedTrial]()
        setup = self._course_setup()
        await asyncio.gather(*(self._walk(numbers, study, setup, broker, ended) for _ in range(self.at_once)))
        return ended

    async def _walk(
        self,
        numbers: Iterator[int],
        study: optuna.Study,
        setup: CourseSetup,
        broker: BrokerHandle,
        ended: list[SimulatedTrial],
    ) -> None:
        """Take one trial after another."""
        for number in numbers:
            asked = study.ask()
            config, error, objective = self.experiment.propose(asked), "", None
            try:
                objective = await self._take(config, setup, broker, number)
            except StepFailed as failure:
                error = str(failure)
            study.tell(asked, objective, state=None if objective is not None else optuna.trial.TrialState.FAIL)
            ended.append(self._trial(number, config, objective, error))

    async def _take(self, config: TrialConfig, setup: CourseSetup, broker: BrokerHandle, number: int) -> float | None:
        """The objective of a trial, once all its steps are trained. Raises StepFailed."""
        scope = "" if self.experiment.options.run.sharing else f"private/{number}"
        steps, objective = course(config.walks(), setup), None
        said = advance(steps, None)
        while said is not None:
            if isinstance(said, TrialReport):
                objective, said = said.objective, advance(steps, None)
            else:
                said = advance(steps, await broker.request(said.steps, "" if said.shared else scope))
        return objective

    def _course_setup(self) -> CourseSetup:
        experiment, graph = self.experiment, WalkGraph(self.inputs)
        return CourseSetup(
            step_inputs=self.inputs,
            single_task=[graph.steps(walk)[-1][-1] for walk in experiment.references()["lone"]],
            aim=experiment.options.search.aim,
            goal=experiment.sweep.goal,
            figures=False,
        )

    def _trial(self, number: int, config: TrialConfig, objective: float | None, error: str) -> SimulatedTrial:
        now, trained = asyncio.get_running_loop().time(), len(self.store.trained)
        return SimulatedTrial(
            number=number, orders=config.orders, objective=objective, error=error, ended=now, steps_trained=trained
        )

    def _swept(
        self, trials: Sequence[SimulatedTrial], fleets: Sequence[SimulatedFleet], status: BrokerStatus, seconds: float
    ) -> SimulatedSweep:
        counts = self.store.trained.values()
        return SimulatedSweep(
            trials=trials,
            seconds=seconds,
            steps_trained=len(counts),
            trained_twice=sum(count - 1 for count in counts),
            busy=sum(fleet.busy for fleet in fleets) / (len(fleets) * seconds) if seconds else 0.0,
            in_vain=sum(fleet.in_vain for fleet in fleets),
            status=status,
        )
