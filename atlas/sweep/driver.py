"""The driver of a sweep: starts broker, tracking, fleets and search on the cluster, and watches them to the end."""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atlas.cluster.actor_calls import log_failure
from atlas.cluster.connect import NAMESPACE
from atlas.data.cache import prepared_address
from atlas.execution.broker import Broker
from atlas.execution.fleets import Fleets
from atlas.execution.sizing import threads_of, trials_at_once
from atlas.execution.status import BrokerStatus
from atlas.execution.worker import FleetSetup
from atlas.runtime.errors import AtlasError
from atlas.search.callback import TrialJournal, listen
from atlas.search.trainable import TrialSetup
from atlas.search.trial_ids import TrialIds
from atlas.search.tuner import Search
from atlas.steps.step import Step
from atlas.sweep.ending import end_sweep
from atlas.sweep.live_view import LiveView
from atlas.sweep.prefetch import POLL_SECONDS, Prefetch, all_known, known_steps
from atlas.sweep.sweep_run import SweepRun
from atlas.sweep.terminal import print_next
from atlas.sweep.tracking_actor import TrackingClient
from atlas.sweep.tracking_reporter import TrackingReporter
from atlas.tracking import SweepFinished, SweepStarted

if TYPE_CHECKING:
    from rich.console import Console

HURRY_SECONDS = 5.0
JOIN_SECONDS = 20.0
UPLOAD_SECONDS = 30.0  # as much of the journal is lost where this machine is

log = logging.getLogger(__name__)


@dataclass
class SweepDriver:
    """Drives one sweep, on the connected cluster."""

    run: SweepRun
    console: Console
    _uploaded: float = field(default_factory=time.monotonic)

    def drive(self) -> bool:
        """Run the sweep to its end; True where all trials finished. SIGINT ends it early, with what there is."""
        self._start()
        try:
            with LiveView(self.console, self.run.plan, self._journal, self._status, self._watch):
                self._run_trials()
            self._stop_training()
            return end_sweep(
                self.run,
                list(self._journal.trials.values()),
                self._reporter,
                self._tracking,
                self.console,
                self._fleets,
            )
        except KeyboardInterrupt:  # a second one, while the sweep ended
            self._stop_at_once()
            return False
        except BaseException:
            self._tracking.record(SweepFinished(sweep=self.run.id, status="FAILED"))
            self._tracking.finish(JOIN_SECONDS)
            self._upload()
            raise
        finally:
            self._fleets.close()
            listen(None)

    def _start(self) -> None:
        """Start every part. Fleets begin with the driver where a step has to be trained: they take longest to start."""
        run, sharing = self.run, self.run.experiment.options.run.sharing
        self._broker = _start_broker(run)
        self._tracking = TrackingClient(run.inputs.tracking_uri, run.folder.spool)
        self._reporter = TrackingReporter(self._tracking, run.id, run.inputs.store, run.inputs.prepared, sharing)
        self._fleets = self._make_fleets()
        if run.plan.missing:
            self._fleets.start()
        self._tracking.record(_started_event(run))
        self._prefetch = Prefetch(self._broker, known_steps(run.experiment, run.inputs.step_inputs))
        self._prefetch.tell(self._status())
        trial_ids = TrialIds.read(run.folder.spool) if sharing else TrialIds()
        self._journal = TrialJournal(run.inputs.step_inputs, [self._reporter], trial_ids)
        listen(self._journal)

    def _make_fleets(self) -> Fleets:
        run, options = self.run, self.run.experiment.options
        prepared = run.inputs.prepared.items()
        setup = FleetSetup(
            broker=run.broker,
            namespace=NAMESPACE,
            store_uri=run.inputs.store_uri,
            backbone=str(run.inputs.backbone),
            prepared={name: prepared_address(one, options.storage.data) for name, one in prepared},
            threads=threads_of(run.size),
            run=run.token,
            checkpoint_seconds=options.cluster.checkpoint_every,
        )
        return Fleets(
            setup=setup,
            size=run.size,
            storage=run.folder.place / "fleets",
            label=run.id,
            trained=lambda: self._status().trained,
        )

    def _status(self) -> BrokerStatus:
        import ray

        status: BrokerStatus = ray.get(self._broker.status.remote())
        return status

    def _run_trials(self) -> None:
        """Run the search once a fleet is up (starting trials would slow its start), then wait for prefetched steps.

        SIGINT ends it: Tune stops its trials by itself, but before it has begun, and at a second SIGINT, it raises.
        """
        try:
            while self._fleets.started and not self._fleets.all_ended and not self._status().fleets:
                time.sleep(POLL_SECONDS)
            _search(self.run).run(resume=bool(self.run.experiment.options.run.resume))
            if self._all_trials_ended():
                self._prefetch.wait()
        except KeyboardInterrupt:
            self.console.print("interrupted; ending …", highlight=False)

    def _all_trials_ended(self) -> bool:
        statuses = [trial.status for trial in self._journal.trials.values()]
        return len(statuses) == self.run.experiment.trial_count() and "RUNNING" not in statuses

    def _watch(self, status: BrokerStatus) -> None:
        """Start fleets once a step waits; where all of them ended too early, fail the trials that wait for steps."""
        if time.monotonic() > self._uploaded + UPLOAD_SECONDS:
            self._upload()
        self._prefetch.tell(status)
        self._fleets.start_if_needed(status)
        if self._fleets.all_ended:
            reason = f"no fleet is left: {'; '.join(self._fleets.failures) or 'all ended'}"
            log_failure(self._broker.give_up.remote(reason), "telling the broker that no fleet is left")

    def _upload(self) -> None:
        """Upload the sweep's folder, so that another machine could resume it; a failure is tried again later."""
        self._uploaded = time.monotonic()
        try:
            self.run.folder.place.upload()
        except AtlasError as error:
            log.warning("%s", error)

    def _stop_training(self) -> None:
        self._fleets.close()
        log_failure(self._broker.close.remote(), "closing the broker")
        for trial in self._journal.trials.values():
            if trial.status == "RUNNING":
                trial.status = "KILLED"
                self._reporter.trial_changed(trial, [])

    def _stop_at_once(self) -> None:
        """End within seconds, at a second SIGINT: the tracking journal is on the disk, and says how the sweep ended."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the rest takes seconds
        self._tracking.record_durably(SweepFinished(sweep=self.run.id, status="KILLED"))
        self._tracking.finish(HURRY_SECONDS)
        print_next(self.console, [("stopped at once; resume with", self.run.resume_command)])


def _start_broker(run: SweepRun) -> Any:
    import ray

    options = {"name": run.broker, "namespace": NAMESPACE, "num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
    return ray.remote(Broker).options(max_concurrency=1000, **options).remote(run.inputs.store_uri, run.id)


def _started_event(run: SweepRun) -> SweepStarted:
    sweep = run.experiment.sweep
    params = {**run.experiment.options.flat(), "question": sweep.question.strip(), **dict(run.plan.as_facts())}
    tags = {"kind": "sweep", "sweep": sweep.name}
    return SweepStarted(sweep=run.id, name=run.id, params=params, tags=tags, note=sweep.question)


def _search(run: SweepRun) -> Search:
    experiment = run.experiment
    setup = TrialSetup(
        broker=run.broker,
        namespace=NAMESPACE,
        step_inputs=run.inputs.step_inputs,
        single_task=_single_task_steps(run),
        aim=experiment.options.search.aim,
        goal=experiment.sweep.goal,
        sharing=experiment.options.run.sharing,
    )
    at_once = trials_at_once(run.size, known=all_known(experiment))
    return Search(experiment=experiment, setup=setup, folder=run.folder.place, at_once=at_once)


def _single_task_steps(run: SweepRun) -> list[Step]:
    """The last step of each task trained alone, with each seed."""
    return [walk.steps(run.inputs.step_inputs)[-1][-1] for walk in run.experiment.references()["lone"]]
