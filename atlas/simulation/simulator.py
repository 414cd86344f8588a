"""The simulator: a whole sweep with the real broker, search and supervision, in virtual time.

experiment = Experiment(sweep=Sweep(name="mine", question="", searches_orders=True, sampler=my_sampler),
                        options=Options.of(tasks=("a", "b", "c", "d", "e"), orders=("40",)))
swept = Simulation(experiment=experiment, landscape=SyntheticLandscape(tasks="abcde")).run()
swept.steps_trained, swept.best.orders
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from atlas.config.budget import budget_from
from atlas.config.experiment import Experiment
from atlas.execution.allowance import UNBOUNDED
from atlas.execution.broker import Broker
from atlas.execution.status import BrokerStatus
from atlas.execution.step_registry import StepRegistry
from atlas.search.proposals import foresee
from atlas.search.trial_course import CourseSetup
from atlas.simulation.broker_handle import BrokerHandle, VirtualClock
from atlas.simulation.fleet import SimulatedFleet, Stop
from atlas.simulation.landscape import Landscape
from atlas.simulation.memory_store import MemoryStore, MemoryStoreView
from atlas.simulation.search import SimulatedSearch, SimulatedTrial
from atlas.simulation.supervised import SimulatedFleets, SupervisedHandle
from atlas.simulation.virtual_time import run_virtually
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs
from atlas.sweep.budget_keeper import BudgetKeeper
from atlas.sweep.prefetch import Prefetch
from atlas.sweep.spending import Spending
from atlas.sweep.supervision import Snapshot, Supervision

LOOK_SECONDS = 5.0  # virtual, between two looks of the supervision


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Faults by the virtual seconds at which they happen: those of fleets, by the fleet's number, and the broker's.

    `stops` kill or resize a fleet; during `silences` it renews no lease; at `restarts` the broker loses all it knows;
    during `broker_silences` the broker answers nobody.
    """

    stops: Mapping[int, Sequence[Stop]] = field(default_factory=dict)
    silences: Mapping[int, Sequence[tuple[float, float]]] = field(default_factory=dict)
    restarts: Sequence[float] = ()
    broker_silences: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, kw_only=True)
class SimulatedSweep:
    """A simulated sweep that has ended.

    `seconds` of virtual time; `busy` is the share of them that fleets trained steps which were committed; `in_vain`
    the seconds of training that were lost; `failure` is why the supervision gave the sweep up, if it did; `stopped` why
    it ended before its trials did, and `spending` that of all its runs.
    """

    trials: Sequence[SimulatedTrial]
    seconds: float
    steps_trained: int
    trained_twice: int
    busy: float
    in_vain: float
    status: BrokerStatus
    failure: str = ""
    stopped: str = ""
    spending: Spending = field(default_factory=Spending)

    @property
    def best(self) -> SimulatedTrial:
        """The finished trial of the highest objective. Raises ValueError where there is none."""
        finished = (one for one in self.trials if one.objective is not None and not one.pruned)
        return max(finished, key=lambda one: one.objective or 0.0)


@dataclass(kw_only=True)
class Simulation:
    """A sweep to simulate: `experiment` on `fleets` fleets, `at_once` trials at a time.

    Steps are looked up in the `landscape`. Several simulations may share a `store`, as sweeps do. `spent` is the
    spending of earlier runs of the same sweep; each fleet has so many `gpus`.
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
    spent: Spending = field(default_factory=Spending)
    gpus: float = 0.0

    def run(self) -> SimulatedSweep:
        """Run the sweep in a virtual time of its own."""
        return run_virtually(self.simulate())

    async def simulate(self) -> SimulatedSweep:
        """Run the sweep in the virtual time of the running loop."""
        began = asyncio.get_running_loop().time()
        silences = [(began + start, began + end) for start, end in self.faults.broker_silences]
        broker = BrokerHandle(self._broker, silences)
        steps = StepRegistry()
        fleets = SimulatedFleets([self._fleet(number, broker, steps) for number in range(self.fleets)])
        search = self._search(broker)
        searching = asyncio.ensure_future(search.run())
        keeper = self._budget_keeper(broker)
        supervision = self._supervision(broker, fleets, searching, keeper)
        beside = [asyncio.ensure_future(_supervise(supervision)), asyncio.ensure_future(self._restart(broker, began))]
        try:
            await asyncio.wait([searching])
            if not supervision.newest.failure:
                if not supervision.newest.stopped:
                    searching.result()
                    await _until_idle(supervision)
                await broker.call(lambda alive: alive.close())
                await fleets.join()
        finally:  # a sweep that is cancelled leaves nothing running, as a killed driver
            for task in (searching, *beside):
                task.cancel()
            await fleets.kill()
            await asyncio.gather(searching, *beside, return_exceptions=True)
        seconds = asyncio.get_running_loop().time() - began
        return replace(self._swept(search.ended, fleets.fleets, supervision.newest, seconds), spending=keeper.spent)

    @property
    def inputs(self) -> StepInputs:
        """The inputs of all steps: those given, or made-up digests."""
        tasks = self.experiment.options.search.named_tasks
        return self.step_inputs or StepInputs(backbone="simulated", data={task: f"data of {task}" for task in tasks})

    def _broker(self) -> Broker:
        allowance = None if self.experiment.options.run.budget else UNBOUNDED  # else it begins before it is told any
        return Broker(MemoryStoreView(self.store, self.owner), clock=VirtualClock(), allowance=allowance)

    def _fleet(self, number: int, broker: BrokerHandle, steps: StepRegistry) -> SimulatedFleet:
        return SimulatedFleet(
            name=f"{self.owner}-fleet-{number}",
            broker=broker,
            store=self.store,
            landscape=self.landscape,
            startup=self.startup,
            stops=self.faults.stops.get(number, ()),
            silences=self.faults.silences.get(number, ()),
            steps=steps,
        )

    async def _restart(self, broker: BrokerHandle, began: float) -> None:
        """Restart the broker whenever that is due."""
        loop = asyncio.get_running_loop()
        for at in self.faults.restarts:
            await asyncio.sleep(max(0.0, began + at - loop.time()))
            broker.restart()

    def _budget_keeper(self, broker: BrokerHandle) -> BudgetKeeper:
        return BudgetKeeper(
            budget=budget_from(self.experiment.options.run.budget),
            before=self.spent,
            gpus=self.gpus,
            step_seconds=0.0,
            allow=SupervisedHandle(broker).allow,
            save=lambda spending: None,
            clock=asyncio.get_running_loop().time,
        )

    def _supervision(
        self, broker: BrokerHandle, fleets: SimulatedFleets, search: asyncio.Future[None], keeper: BudgetKeeper
    ) -> Supervision:
        """The supervision of the sweep, which ends the search where it gives up; nothing has to be uploaded."""
        handle, clock = SupervisedHandle(broker), asyncio.get_running_loop().time
        prefetch = Prefetch(handle, self._known_steps())

        def end_search() -> None:
            search.cancel()

        return Supervision(handle, fleets, prefetch.tell, lambda: None, end_search, clock, keeper.look)

    def _known_steps(self) -> list[Step]:
        """The steps that are known before any trial asks for them."""
        proposals, options = foresee(self.experiment), self.experiment.options
        walks = [*self.experiment.auxiliary_walks(), *(proposals.walks if proposals.exact else ())]
        return WalkGraph(self.inputs).distinct(walks) if options.run.sharing else []

    def _search(self, broker: BrokerHandle) -> SimulatedSearch:
        experiment, graph = self.experiment, WalkGraph(self.inputs)
        setup = CourseSetup(
            step_inputs=self.inputs,
            single_task=[graph.steps(walk)[-1][-1] for walk in experiment.references()["lone"]],
            aim=experiment.options.search.aim,
            goal=experiment.goal,
            figures=False,
            looks_ahead=not experiment.stops_trials,
        )
        return SimulatedSearch(
            experiment=experiment, setup=setup, broker=broker, store=self.store, at_once=self.at_once
        )

    def _swept(
        self, trials: Sequence[SimulatedTrial], fleets: Sequence[SimulatedFleet], last: Snapshot, seconds: float
    ) -> SimulatedSweep:
        counts = self.store.trained.values()
        return SimulatedSweep(
            trials=trials,
            seconds=seconds,
            steps_trained=len(counts),
            trained_twice=sum(count - 1 for count in counts),
            busy=sum(fleet.busy for fleet in fleets) / (len(fleets) * seconds) if seconds else 0.0,
            in_vain=sum(fleet.in_vain for fleet in fleets),
            status=last.broker,
            failure=last.failure,
            stopped=last.stopped,
        )


async def _until_idle(supervision: Supervision) -> None:
    """Wait for the steps that are known beforehand and that no trial asked for, as the driver does."""
    while not ((now := supervision.look()).is_idle or now.is_ending):
        await asyncio.sleep(LOOK_SECONDS)


async def _supervise(supervision: Supervision) -> None:
    """Look again and again."""
    while True:
        supervision.look()
        await asyncio.sleep(LOOK_SECONDS)
