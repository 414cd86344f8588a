"""The driver of a sweep: starts broker, tracking, fleets and search on the cluster, and brings them to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from atlas.cluster.connect import NAMESPACE
from atlas.cluster.ray_internals import search_ended_by, start_autoscaling_coordinator
from atlas.config.beyond import beyond_of
from atlas.config.goal import RELATIVE
from atlas.config.training import AUTO
from atlas.data.cache import prepared_address
from atlas.execution.fleets import Fleets
from atlas.execution.sizing import loaders_of, threads_of, trials_at_once
from atlas.execution.worker import FleetSetup, asks_for_room
from atlas.learners.frozen_type import options_for
from atlas.learners.readouts import SIMILARITY
from atlas.report import load_drawing
from atlas.runtime.console import say
from atlas.runtime.error_log import ErrorLog
from atlas.runtime.errors import AtlasError
from atlas.runtime.interrupts import SearchInterrupts, search_interrupts, uninterrupted
from atlas.runtime.text import counted, first_line
from atlas.search.callback import TrialJournal, listen
from atlas.search.early_stopping import PrefixStopper, make_stopper
from atlas.search.order_queue import OrderQueue
from atlas.search.trainable import TrialSetup
from atlas.search.trial_course import CourseSetup
from atlas.search.trial_ids import TrialIds
from atlas.search.trial_record import TrialRecord
from atlas.search.tuner import Search
from atlas.steps.step import Step
from atlas.sweep.broker_actor import BrokerActor
from atlas.sweep.control_inbox import ControlInbox
from atlas.sweep.ending import end_sweep
from atlas.sweep.held_out import held_out_walks
from atlas.sweep.live_control import live_control
from atlas.sweep.live_view import LiveView
from atlas.sweep.prefetch import Prefetch, all_known, known_steps
from atlas.sweep.supervisor import Supervisor
from atlas.sweep.sweep_run import SweepRun
from atlas.sweep.terminal import print_next
from atlas.sweep.tracking_actor import TrackingClient
from atlas.sweep.tracking_reporter import TrackingReporter
from atlas.sweep.training import Training
from atlas.tracking import SweepFinished, SweepStarted

if TYPE_CHECKING:
    from rich.console import Console

    from atlas.cluster.options import Weights

HURRY_SECONDS = 5.0
JOIN_SECONDS = 20.0
TESTED = 4  # trials: two that have something in common, such as a task before another, against two that do not


@dataclass
class SweepDriver:
    """Drives one sweep, on the connected cluster."""

    run: SweepRun
    console: Console
    _supervisor: Supervisor | None = None

    def __post_init__(self) -> None:
        self._stopper, self._orders = make_stopper(self.run.experiment), OrderQueue()

    def drive(self) -> bool:
        """Run the sweep to its end; True where all trials finished. SIGINT ends it early, with what there is."""
        with self._tracking() as tracking:
            reporter, journal = self._listeners(tracking)
            with self._training() as training:
                failure = self._search(training, journal, tracking)
                _end_trials(journal, reporter, stopped="the budget was spent" if self.run.stopped else "")
                trials = self._trials(journal)
                return end_sweep(self.run, trials, reporter, tracking, self.console, training, failure=failure)
        return False  # stopped at once

    @contextmanager
    def _tracking(self) -> Iterator[TrackingClient]:
        """The tracking of the sweep; it records the end of one that a second SIGINT or an error cuts short."""
        tracking = TrackingClient(self.run.inputs.tracking_uri, self.run.folder.spool, self.run.inputs.store_uri)
        try:
            tracking.record(_started_event(self.run))
            yield tracking
        except KeyboardInterrupt:
            self._stop_at_once(tracking)
        except BaseException as error:
            if not isinstance(error, AtlasError | SystemExit):  # those the command tells
                say(self.console, f"the sweep ends by an error: {first_line(error)}", style="red", wrap=True)
            errors = ErrorLog()  # none of which may hide why the sweep ends
            with errors.noted("recording that the sweep failed"):
                tracking.record(SweepFinished(sweep=self.run.id, status="FAILED"))
                tracking.finish(JOIN_SECONDS)
            with errors.noted("uploading the sweep's folder"):
                self.run.folder.place.upload()
            raise

    def _listeners(self, tracking: TrackingClient) -> tuple[TrackingReporter, TrialJournal]:
        run, sharing = self.run, self.run.experiment.options.run.sharing
        reporter = TrackingReporter(tracking, run.id, run.inputs.store, run.inputs.prepared, sharing)
        trial_ids = TrialIds.read(run.folder.spool) if sharing else TrialIds()
        journal = TrialJournal(
            run.inputs.graph,
            [reporter],
            trial_ids,
            stopped=self._stopper.stopped,
            feasibility=run.feasibility,
        )
        if sharing:
            journal.on_turn = lambda: reporter.record_trained(self._newest_steps())
        return reporter, journal

    @contextmanager
    def _training(self) -> Iterator[Training]:
        """The broker and the fleets, both closed once the context ends; fleets end in their own time.

        Fleets begin at once where a step has to be trained: they take longest to start.
        """
        run = self.run
        broker = BrokerActor(run.broker, run.inputs.store_uri, run.id)
        folder = run.folder.place / "fleets"
        fleets = Fleets(setup=_fleet_setup(run), size=run.size, storage=folder, label=run.id, trained=self._trained)
        with Training(broker, fleets) as training:
            if run.plan.missing:
                if asks_for_room(run.size):
                    with ErrorLog().noted("starting Ray's coordinator of autoscaling, which fleets then do"):
                        start_autoscaling_coordinator()
                fleets.start()
            yield training

    def _search(self, training: Training, journal: TrialJournal, tracking: TrackingClient) -> str:
        """Run all trials, supervised and shown; returns why the supervisor gave the sweep up, else nothing.

        SIGINT ends it: Tune stops its trials by itself, but before it has begun, and at a second SIGINT, it raises.
        """
        run = self.run
        broker = training.broker
        control = live_control(run, broker, self._stopper, self._orders, journal)
        prefetch = Prefetch(broker, known_steps(run))
        with ExitStack() as parts:
            measured = "val, of alone" if run.experiment.goal.endswith(RELATIVE) else "val"
            view = LiveView(self.console, run.plan, journal, lambda: supervisor.snapshot, measured)
            interrupts = parts.enter_context(search_interrupts(view.interrupt))
            end_search = _ending_of(interrupts, parts)
            upload = run.folder.place.upload
            supervisor = Supervisor(broker, training.fleets, prefetch.tell, upload, end_search, control.look)
            self._supervisor = parts.enter_context(supervisor)
            parts.enter_context(view)
            parts.enter_context(ControlInbox(control.journal, tracking.control_tag(run.id)))
            with suppress(KeyboardInterrupt):  # acknowledged already; the sweep ends with what there is
                self._run_trials(supervisor, journal)
                self._walk_held_out(supervisor, journal, prefetch)
        self.run = control.ended_run(run, stopped=supervisor.snapshot.stopped)
        return supervisor.snapshot.failure

    def _run_trials(self, supervisor: Supervisor, journal: TrialJournal) -> None:
        """Run the search once a fleet is up (starting trials would slow its start), then wait for prefetched steps."""
        supervisor.wait_for(lambda now: not now.fleets.started or now.fleets.all_ended or bool(now.broker.fleets))
        if supervisor.snapshot.is_ending:
            return
        Thread(target=load_drawing, kwargs={"tests": self.run.experiment.trial_count() >= TESTED}, daemon=True).start()
        listen(journal)
        try:
            search_of(self.run, self._stopper, self._orders).run(resume=bool(self.run.experiment.options.run.resume))
        finally:
            listen(None)
        if self._all_ended(journal):
            supervisor.wait_for(lambda now: now.is_idle)

    def _walk_held_out(self, supervisor: Supervisor, journal: TrialJournal, prefetch: Prefetch) -> None:
        """Have the best setting walked along held-out orders, once all trials have ended; nothing without any."""
        if not self._all_ended(journal) or supervisor.snapshot.is_ending:
            return
        walks = held_out_walks(self.run.experiment, self._trials(journal))
        if steps := self.run.inputs.graph.distinct(walks):
            say(self.console, f"walking the best setting along {counted(len(walks), 'held-out walk')} …")
            prefetch.add(steps)
            supervisor.wait_for(lambda now: now.is_idle)

    def _trials(self, journal: TrialJournal) -> list[TrialRecord]:
        """The trials as the summary has them: of two that are tied, both take the same for the best."""
        return self.run.proposals.in_order(journal.trials.values())

    def _all_ended(self, journal: TrialJournal) -> bool:
        statuses = [trial.status for trial in journal.trials.values()]
        return len(statuses) >= self.run.experiment.trial_count() and "RUNNING" not in statuses

    def _newest_steps(self) -> list[Step]:
        """The steps trained last, of those that this process knows, as far as the supervisor has heard of them."""
        graph, newest = self.run.inputs.graph, self._supervisor.snapshot.broker.newest if self._supervisor else ()
        return [graph[key] for key in newest if key in graph]

    def _trained(self) -> int:
        """The number of steps trained so far, as far as the supervisor knows."""
        return self._supervisor.snapshot.broker.trained if self._supervisor is not None else 0

    def _stop_at_once(self, tracking: TrackingClient) -> None:
        """End within seconds, at a second SIGINT: the tracking journal is on the disk, and says how the sweep ended."""
        say(self.console, "interrupted; stopping at once …")
        errors = ErrorLog()
        with uninterrupted(), errors.noted("recording that the sweep was stopped"):
            tracking.record_durably(SweepFinished(sweep=self.run.id, status="KILLED"), JOIN_SECONDS)
            tracking.finish(HURRY_SECONDS)
        print_next(self.console, [("stopped at once; resume with", self.run.resume_command)])


def _end_trials(journal: TrialJournal, reporter: TrackingReporter, stopped: str = "") -> None:
    """Record the trials that the search left unfinished as killed, and by what."""
    for trial in journal.trials.values():
        if trial.status == "RUNNING":
            trial.status, trial.stopped = "KILLED", stopped
            reporter.trial_changed(trial, [])


def _ending_of(interrupts: SearchInterrupts | None, parts: ExitStack) -> Callable[[], None]:
    """The function by which the supervisor ends the search as SIGINT does, also where none can arrive."""
    if interrupts is not None:
        return interrupts.end_search
    ended = Event()
    parts.enter_context(search_ended_by(ended))
    return ended.set


def _fleet_setup(run: SweepRun) -> FleetSetup:
    options, prepared = run.experiment.options, run.inputs.prepared.items()
    return FleetSetup(
        broker=run.broker,
        namespace=NAMESPACE,
        store_uri=run.inputs.store_uri,
        backbone=str(run.inputs.backbone),
        prepared={name: prepared_address(one, options.storage.data) for name, one in prepared},
        threads=threads_of(run.size),
        run=run.token,
        checkpoint_seconds=options.cluster.checkpoint_every,
        loaders=loaders_of(run.size, options.cluster.loaders),
        cuda_graphs=options.cluster.cuda_graphs,
        compile=options.cluster.compile,
        deterministic=options.cluster.deterministic,
        weights=_weights(run),
        recompute=options.cluster.recompute,
        halve=options.training.batch_size == AUTO,
    )


def _weights(run: SweepRun) -> Weights:
    """The type in which workers hold frozen weights; `auto` where the backbone's family has no choice."""
    asked = run.experiment.options.cluster.weights
    return options_for(run.inputs.backbone, run.experiment.precision, asked).weights


def _started_event(run: SweepRun) -> SweepStarted:
    sweep = run.experiment.sweep
    params = {**run.experiment.options.flat(), "question": sweep.question.strip(), **dict(run.plan.as_facts())}
    tags = {"kind": "sweep", "sweep": sweep.name, **({"changes": "\n".join(run.changes)} if run.changes else {})}
    return SweepStarted(sweep=run.id, name=run.id, params=params, tags=tags, note=sweep.question)


def search_of(run: SweepRun, stopper: PrefixStopper, orders: OrderQueue) -> Search:
    experiment = run.experiment
    setup = TrialSetup(
        broker=run.broker,
        namespace=NAMESPACE,
        course=CourseSetup(
            step_inputs=run.inputs.step_inputs,
            single_task=_single_task_steps(run),
            aim=experiment.options.search.aim,
            goal=experiment.goal,
            zero_shot=_zero_shot_steps(run),
            looks_ahead=not experiment.stops_trials,
        ),
        sharing=experiment.options.run.sharing,
    )
    return Search(
        experiment=experiment,
        setup=setup,
        folder=run.folder.place,
        at_once=trials_at_once(run.size, known=all_known(run)),
        stopper=stopper,
        orders=orders,
        feasibility=run.feasibility,
    )


def _zero_shot_steps(run: SweepRun) -> list[Step]:
    """The step of the bare backbone on each task, with each seed, by the readout that the sweep trains; or none."""
    references, options = run.experiment.references(), run.experiment.options
    name = "zero_shot" if options.training.readout == SIMILARITY else "untrained"
    return [run.inputs.graph.steps(walk)[-1][-1] for walk in references[name]] if beyond_of(options) else []


def _single_task_steps(run: SweepRun) -> list[Step]:
    """The last step of each task trained alone, with each seed."""
    return [run.inputs.graph.steps(walk)[-1][-1] for walk in run.experiment.references()["lone"]]
