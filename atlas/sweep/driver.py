"""Conduct a sweep on a cluster: broker, tracker, fleets, trials and the view; then the summary."""

from __future__ import annotations

import logging
import shlex
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atlas.cluster.actor_calls import log_failure
from atlas.cluster.connect import NAMESPACE
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.data.cache import address_of
from atlas.execution.broker import Broker
from atlas.execution.fleets import Fleets
from atlas.execution.sizing import FleetSize, threads_of, trials_at_once
from atlas.execution.worker import FleetSetup
from atlas.report import write_report, write_summary
from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retry_while_away
from atlas.runtime.text import first_line
from atlas.search.callback import TrialJournal, listen
from atlas.search.trainable import TrialSetup
from atlas.search.trial_ids import TrialIds
from atlas.search.tuner import Search
from atlas.steps.step import Step
from atlas.sweep.best_model import best_model_of
from atlas.sweep.folder import SweepFolder
from atlas.sweep.fusion_weights_job import await_fusion_weights, start_fusion_weights
from atlas.sweep.inputs import SweepInputs
from atlas.sweep.live_view import View
from atlas.sweep.plan import Plan
from atlas.sweep.prefetch import POLL_SECONDS, Prefetch, is_known, known_steps
from atlas.sweep.summary import FinishedSweep, summarise
from atlas.sweep.terminal import print_next, print_results, resume_command
from atlas.sweep.tracking_actor import Registration, TrackingClient
from atlas.sweep.tracking_reporter import TrackingReporter, sweep_metrics
from atlas.tracking import Artifact, SweepFinished, SweepStarted

if TYPE_CHECKING:
    from rich.console import Console

FLUSH_SECONDS = 120.0
HURRY_SECONDS = 5.0
JOIN_SECONDS = 20.0
WEIGHTS_SECONDS = 120.0
SHARE_SECONDS = 30.0  # how much of the journal a machine that is lost takes with it

log = logging.getLogger(__name__)


@dataclass
class SweepDriver:
    """One sweep under way."""

    sweep: Sweep
    options: Options
    inputs: SweepInputs
    size: FleetSize
    plan: Plan
    folder: SweepFolder
    console: Console
    _started: float = field(default_factory=time.time)
    _run: str = field(default_factory=lambda: uuid.uuid4().hex)
    _shared: float = field(default_factory=time.monotonic)

    def run(self) -> bool:
        """Run it to its end; True where all trials ended well. SIGINT ends it early, with what there is."""
        self._references = self.sweep.references(self.options, self.size.precision)
        self._bare = self.sweep.bare_probes(self.options, self.size.precision)
        self._broker = self._start_broker()
        self._tracking = TrackingClient(self.inputs.tracking_uri, self.folder.spool)
        self._reporter = TrackingReporter(
            self._tracking, self.folder.id, self.inputs.store, self.inputs.prepared, self.options.run.sharing
        )
        self._fleets = self._make_fleets()
        if self.plan.missing:
            self._fleets.start()
        self._announce()
        self._prefetch = Prefetch(self._broker, self._foreseen())
        self._prefetch.tell(self._poll())
        known = TrialIds.read(self.folder.spool) if self.options.run.sharing else TrialIds()
        journal = TrialJournal(self.inputs.step_inputs, [self._reporter], known)
        listen(journal)
        try:
            with View(self.console, self.plan, journal, self._poll, self._watch):
                self._walk_all(journal)
            return self._end(journal)
        except KeyboardInterrupt:  # once more, while it ended
            self._stop_at_once()
            return False
        except BaseException:
            self._tracking.record(SweepFinished(sweep=self.folder.id, status="FAILED"))
            self._tracking.finish(JOIN_SECONDS)
            self._share()
            raise
        finally:
            self._fleets.close()
            listen(None)

    def _start_broker(self) -> Any:
        import ray

        name = f"broker-{self.folder.id}"
        options = {"name": name, "namespace": NAMESPACE, "num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        return ray.remote(Broker).options(max_concurrency=1000, **options).remote(self.inputs.store_uri, self.folder.id)

    def _make_fleets(self) -> Fleets:
        data = self.options.storage.data
        setup = FleetSetup(
            broker=f"broker-{self.folder.id}",
            namespace=NAMESPACE,
            store_uri=self.inputs.store_uri,
            backbone=str(self.inputs.backbone),
            prepared={name: address_of(prepared, data) for name, prepared in self.inputs.prepared.items()},
            threads=threads_of(self.size),
            run=self._run,
            checkpoint_seconds=self.options.cluster.checkpoint_every,
        )
        return Fleets(
            setup=setup,
            size=self.size,
            storage=self.folder.place / "fleets",
            label=self.folder.id,
            learnt=lambda: int(self._poll()["trained"]),
        )

    def _announce(self) -> None:
        params = {**self.options.flat(), "question": self.sweep.question.strip(), **self.plan.as_facts()}
        tags = {"kind": "sweep", "sweep": self.sweep.name}
        sweep, note = self.folder.id, self.sweep.question
        self._tracking.record(SweepStarted(sweep=sweep, name=sweep, params=params, tags=tags, note=note))

    def _foreseen(self) -> list[Step]:
        auxiliary = [walk for walks in self._references.values() for walk in walks] + self._bare
        return known_steps(self.sweep, self.options, self.size.precision, auxiliary, self.inputs.step_inputs)

    def _search(self) -> Search:
        lone: dict[int, dict[str, Step]] = {}
        for walk in self._references["lone"]:
            last = walk.steps(self.inputs.step_inputs)[-1][-1]
            lone.setdefault(walk.seed, {})[last.task] = last
        setup = TrialSetup(
            broker=f"broker-{self.folder.id}",
            namespace=NAMESPACE,
            step_inputs=self.inputs.step_inputs,
            lone=lone,
            aim=self.options.search.aim,
            goal=self.sweep.goal,
            sharing=self.options.run.sharing,
        )
        return Search(
            sweep=self.sweep,
            options=self.options,
            precision=self.size.precision,
            setup=setup,
            folder=self.folder.place,
            at_once=trials_at_once(self.size, known=is_known(self.sweep, self.options)),
        )

    def _poll(self) -> dict[str, Any]:
        import ray

        return ray.get(self._broker.status.remote())

    def _walk_all(self, journal: TrialJournal) -> None:
        """Run the search once a fleet is up: trials only ask, and their processes would slow its start.

        Then wait for what no trial asks for. SIGINT ends it: Tune stops its trials by itself, but before it has begun
        (and at a second SIGINT) it raises.
        """
        try:
            while self._fleets.started and not self._fleets.all_ended and not self._poll()["fleets"]:
                time.sleep(POLL_SECONDS)
            self._search().run(resume=bool(self.options.run.resume))
            if self._is_whole(journal):
                self._prefetch.wait()
        except KeyboardInterrupt:
            self.console.print("interrupted; ending …", highlight=False)

    def _is_whole(self, journal: TrialJournal) -> bool:
        """Whether all trials have ended by themselves."""
        statuses = [record.status for record in journal.trials.values()]
        return len(statuses) == self.sweep.trial_count(self.options) and "RUNNING" not in statuses

    def _watch(self, status: dict[str, Any]) -> None:
        """Start fleets once a step waits; where all of them ended too early, let the trials know."""
        if time.monotonic() > self._shared + SHARE_SECONDS:
            self._share()
        self._prefetch.tell(status)
        self._fleets.start_if_needed(status)
        if self._fleets.all_ended:
            reason = f"no fleet is left: {'; '.join(self._fleets.failures) or 'all ended'}"
            log_failure(self._broker.give_up.remote(reason), "telling the broker that no fleet is left")

    def _share(self) -> None:
        """Let other machines have the journal, so that one of them may go on with the sweep; tried again later."""
        self._shared = time.monotonic()
        try:
            self.folder.place.upload()
        except AtlasError as error:
            log.warning("%s", error)

    def _end(self, journal: TrialJournal) -> bool:
        """Close what runs, write the summary and the page, record the sweep's end, print the results."""
        self._fleets.close()
        log_failure(self._broker.close.remote(), "closing the broker")
        for record in journal.trials.values():
            if record.status == "RUNNING":
                record.status = "KILLED"
                self._reporter.trial_changed(record, [])
        ended = self._ended(journal)
        summary = summarise(ended)
        write_summary(summary, self.folder.summary)
        for step in ended.auxiliary():
            self._reporter.record_step(step)
        registered = self._register(ended, summary)  # while the page is drawn
        missing = self._weigh(summary)
        pictures = write_report(summary, self.folder.path)
        status = summary["sweep"]["status"]
        files = tuple(Artifact(str(path)) for path in (self.folder.summary, *pictures))
        metrics = sweep_metrics(summary)
        self._tracking.record(SweepFinished(sweep=self.folder.id, status=status, metrics=metrics, artifacts=files))
        model = registered.result()
        complete = self._tracking.finish(FLUSH_SECONDS)
        retry_while_away(self.folder.place.upload, redacted(str(self.folder.place)))
        self._fleets.join(JOIN_SECONDS)  # a thread that still talks to Ray while it shuts down can crash the process
        self._say(summary, model, complete)
        if missing:
            again = f"atlas report {self.folder.id} --storage {self.options.storage.path} --alpha"
            self.console.print(f"combination weights: {missing}; draw them with {again}", highlight=False)
        return status == "FINISHED"

    def _stop_at_once(self) -> None:
        """What a second SIGINT leaves time for: the journal is on the disk, and says how the sweep ended."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left takes seconds
        self._tracking.record_durably(SweepFinished(sweep=self.folder.id, status="KILLED"))
        self._tracking.finish(HURRY_SECONDS)
        command = resume_command(sys.argv[0], str(self.options.storage.path), self.folder.id)
        print_next(self.console, [("stopped at once; go on with", command)])

    def _ended(self, journal: TrialJournal) -> FinishedSweep:
        trials = list(journal.trials.values())
        whole = len(trials) == self.sweep.trial_count(self.options)
        statuses = {record.status for record in trials}
        status = "FINISHED" if whole and statuses == {"FINISHED"} else "FAILED" if whole else "KILLED"
        stamp = "%Y-%m-%dT%H:%M:%S%z"
        facts = {
            "id": self.folder.id,
            "name": self.sweep.name,
            "question": first_line(self.sweep.question),
            "command": redacted(shlex.join(["python", *sys.argv])),
            "started": time.strftime(stamp, time.localtime(self._started)),
            "finished": time.strftime(stamp),
            "status": "KILLED" if "KILLED" in statuses else status,
        }
        return FinishedSweep(
            sweep=facts,
            options=self.options,
            inputs=self.inputs,
            plan=self.plan,
            trials=trials,
            references=self._references,
            bare=self._bare,
            goal=self.sweep.goal,
            run=self._run,
            file=sys.argv[0],
        )

    def _register(self, ended: FinishedSweep, summary: dict[str, Any]) -> Registration:
        """Begin to register the best trial's model where the sink has a registry."""
        if self._tracking.sink.registry is None:
            return Registration(reason=f"{self._tracking.sink.name} has no model registry")
        return self._tracking.register(best_model_of(ended, summary))

    def _weigh(self, summary: dict[str, Any]) -> str:
        """Add the best trial's combination weights to the summary; says why where they could not be had."""
        found, missing = await_fusion_weights(
            start_fusion_weights(summary, self.options.storage.path, self.size), WEIGHTS_SECONDS
        )
        if found:
            summary["alpha"] = found
            write_summary(summary, self.folder.summary)
        return missing

    def _say(self, summary: dict[str, Any], model: str, complete: bool) -> None:
        print_results(self.console, summary)
        lines = [
            ("summary", str(self.folder.place / "summary.json")),
            ("page", str(self.folder.place / "report.html")),
            ("champion", model),
            ("see the runs", self._tracking.sink.view(self.folder.id)),
        ]
        if not complete:
            lines.append(
                (self._tracking.sink.name, f"has not taken everything yet; the rest waits in {self.folder.spool}")
            )
        if summary["sweep"]["status"] == "KILLED" or not complete:
            lines.append(("go on with", resume_command(sys.argv[0], str(self.options.storage.path), self.folder.id)))
        print_next(self.console, lines)
