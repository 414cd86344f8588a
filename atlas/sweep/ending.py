"""The end of a sweep: its summary and page are written, its end is recorded, its results are printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from atlas.report import Summary, page_of, write_figures, write_page, write_summary
from atlas.report.objective import held_out_in_words
from atlas.report.pareto import front_in_words
from atlas.report.summary import Status, SweepFacts
from atlas.report.use_command import use_command
from atlas.runtime.console import say, shell
from atlas.runtime.error_log import ErrorLog
from atlas.runtime.imports import uncollected
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retry_while_away
from atlas.runtime.text import counted, first_line
from atlas.search.trial_record import TrialRecord
from atlas.serving.model_record import registered_name
from atlas.sweep.best_model import best_model_of
from atlas.sweep.compare_command import compare_command
from atlas.sweep.fusion_weights_job import WeightsPromise, await_fusion_weights, start_fusion_weights
from atlas.sweep.held_out import held_out_walks
from atlas.sweep.next_commands import next_commands
from atlas.sweep.summary import FinishedSweep, summarise
from atlas.sweep.sweep_run import SweepRun
from atlas.sweep.terminal import print_errors, print_next, print_results
from atlas.sweep.tracking_actor import Registration, TrackingClient, TrackingEnd
from atlas.sweep.tracking_reporter import TrackingReporter, sweep_metrics, trial_disparities
from atlas.sweep.training import JOIN_SECONDS, Training
from atlas.tracking import RunArtifact, Sink, SweepFinished

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

FLUSH_SECONDS = 300.0  # of a sink that answers; one that is away is not waited for
WEIGHTS_SECONDS = 120.0
STAMP = "%Y-%m-%dT%H:%M:%S%z"


def end_sweep(
    run: SweepRun,
    trials: Sequence[TrialRecord],
    reporter: TrackingReporter,
    tracking: TrackingClient,
    console: Console,
    training: Training,
    *,
    failure: str = "",
) -> bool:
    """Write and record the results; True where all trials finished, or the budget is spent, and nothing went wrong.

    The training is closed, once a fleet has computed the fusion weights. `failure`: why the sweep was given up. Once
    the summary is written, a part that fails keeps no other from running; its error is printed last.
    """
    ended, errors = finished_sweep(run, trials, tracking.sink, training), ErrorLog()
    with errors.noted("recording what the sweep has spent"):
        run.folder.write_spending(run.spending)
    summary = summarise(ended)
    write_summary(summary, run.folder.summary)
    weights = _start_fusion_weights(run, summary, training, errors)  # this and the registration run beside the figures
    with errors.noted("recording the references"):
        for step in ended.auxiliary():
            reporter.record_step(step, known=ended.reader.artifact(step, ended.inputs.store))
        reporter.record_missed()
    registration = _register(tracking, ended, summary, errors)
    figures = _drawn(partial(write_figures, summary, run.folder.path), errors)
    summary = _with_next(run, summary, errors)
    draft = _drawn(partial(page_of, summary), errors)
    summary, missing_weights = _with_fusion_weights(run, summary, weights, errors)
    with errors.noted("ending the training"):
        training.close()
    page = _drawn(partial(write_page, summary, run.folder.path, draft), errors) if draft is not None else None
    _record_end(run, tracking, summary, (*(page or ()), *(figures or ())), errors)
    model, tracked = _registered(registration, errors), _flush(tracking, errors)
    with errors.noted("uploading the sweep's folder"):
        retry_while_away(run.folder.place.upload, redacted(str(run.folder.place)))
    with errors.noted("printing the results"):
        print_results(console, summary)
        _say_front(console, summary, run.experiment.sweep.objectives)
        _say_budget(console, summary)
    with errors.noted("printing what to do next"):
        used = _use_lines(run, summary, errors)
        print_next(console, used + _next_lines(run, tracking, summary.sweep.status, model, tracked))
        _say_missing(console, run, missing_weights)
    with errors.noted("printing the errors"):
        print_errors(console, summary, failure, errors.lines)
    training.fleets.join(JOIN_SECONDS)  # a thread that still talks to Ray while it shuts down can crash the process
    return (summary.sweep.status == "FINISHED" or bool(run.stopped)) and not errors.lines


def finished_sweep(run: SweepRun, trials: Sequence[TrialRecord], sink: Sink, training: Training) -> FinishedSweep:
    """The sweep as its summary sees it."""
    experiment = run.experiment
    facts = SweepFacts(
        id=run.id,
        name=experiment.sweep.name,
        question=first_line(experiment.sweep.question),
        command=run.invocation.command,
        started=time.strftime(STAMP, time.localtime(run.started)),
        finished=time.strftime(STAMP),
        status=_status(trials, experiment.trial_count()),
        view=sink.view(run.id),
        tracking_uri=redacted(run.inputs.tracking_uri),
        model=registered_name(experiment.sweep.name) if sink.registry is not None else "",
    )
    known: dict[str, object] = {"changes": run.changes} if run.changes else {}
    if run.budget is not None:
        known["budget"] = run.spending.facts(run.budget, stopped=bool(run.stopped) and facts.status != "FINISHED")
    return FinishedSweep(
        sweep=facts.model_copy(update=known),
        options=experiment.options,
        inputs=run.inputs,
        plan=run.plan,
        trials=trials,
        references=experiment.references(),
        bare=experiment.bare_probes(),
        foreseen=run.proposals.walks,
        fleets=training.trained_by(),
        failures=training.failures(),
        goal=experiment.goal,
        run=run.token,
        earlier=run.earlier,
        file=run.invocation.file,
        held_out=held_out_walks(experiment, trials) if experiment.sweep.held_out else None,
    )


def _say_front(console: Console, summary: Summary, objectives: Sequence[str]) -> None:
    """Print the Pareto front of a sweep with several objectives, and the scores on held-out orders."""
    if words := front_in_words(summary, objectives):
        say(console, f"Pareto front: {words}.", wrap=True)
    if words := held_out_in_words(summary):
        say(console, f"Held-out orders: {words}.", wrap=True)


def _say_budget(console: Console, summary: Summary) -> None:
    """Print what is spent of the budget, and what it left undone."""
    budget = summary.sweep.budget
    if budget is None:
        return
    left = sum(bool(row.stopped) for row in summary.trials)
    begun = f"; it stopped {counted(left, 'walk')} of trials that had begun" if left else ""
    more = ". Go on by resuming with a higher --budget." if budget.stopped else "."
    say(console, f"Budget: {budget.words} spent{begun}{more}", wrap=True)


def _say_missing(console: Console, run: SweepRun, missing_weights: str) -> None:
    """Print why there are no combination weights, where there are none, and the command that draws them."""
    if missing_weights:
        again = shell("atlas", "report", run.id, "--storage", run.experiment.options.storage.path, "--alpha")
        say(console, f"combination weights: {missing_weights}; draw them with {again}")


def _status(trials: Sequence[TrialRecord], wanted: int) -> Status:
    """FINISHED where all trials are, or were pruned; FAILED where all ended, some by an error; else KILLED."""
    statuses = {trial.status for trial in trials}
    if len(trials) < wanted or "KILLED" in statuses:
        return "KILLED"
    return "FINISHED" if statuses <= {"FINISHED", "PRUNED"} else "FAILED"


def _register(tracking: TrackingClient, ended: FinishedSweep, summary: Summary, errors: ErrorLog) -> Registration:
    """Begin to register the best trial's model where the sink has a registry."""
    if tracking.sink.registry is None:
        return Registration(reason=f"{tracking.sink.name} has no model registry")
    with errors.noted("registering the best trial's model"):
        return tracking.register(best_model_of(ended, summary))
    return Registration(reason=errors.lines[-1])


def _registered(registration: Registration, errors: ErrorLog) -> str:
    """The URI of the registered model, or why there is none."""
    with errors.noted("registering the best trial's model"):
        return registration.result()
    return f"not registered: {errors.lines[-1]}"


def _start_fusion_weights(
    run: SweepRun, summary: Summary, training: Training, errors: ErrorLog
) -> WeightsPromise | None:
    """The promise of the best trial's fusion weights; None where there will be none."""
    with errors.noted("computing the fusion weights"):
        return start_fusion_weights(summary, run.experiment.options.storage.path, training)
    return None


def _with_next(run: SweepRun, summary: Summary, errors: ErrorLog) -> Summary:
    """The summary with what to try next, written again where there is something."""
    with errors.noted("planning what to try next"):
        if found := next_commands(run, summary):
            summary = summary.model_copy(update={"next": found})
            write_summary(summary, run.folder.summary)
    return summary


def _with_fusion_weights(
    run: SweepRun, summary: Summary, promise: WeightsPromise | None, errors: ErrorLog
) -> tuple[Summary, str]:
    """The summary with the best trial's fusion weights, written again; and the reason where there are none."""
    with errors.noted("computing the fusion weights"):
        found, missing = await_fusion_weights(promise, WEIGHTS_SECONDS)
        if found:
            summary = summary.model_copy(update={"alpha": found})
            write_summary(summary, run.folder.summary)
        return summary, missing
    return summary, errors.lines[-1]


def _drawn(draw: Callable[[], T], errors: ErrorLog) -> T | None:
    """What this part of the report gives; None where it cannot be drawn."""
    with errors.noted("drawing the report"), uncollected():  # drawing makes many objects, in few cycles
        return draw()
    return None


def _record_end(
    run: SweepRun, tracking: TrackingClient, summary: Summary, pages: Sequence[Path], errors: ErrorLog
) -> None:
    status = summary.sweep.status
    assert status != "RUNNING"
    with errors.noted("recording the sweep's end"):
        files = tuple(RunArtifact(str(path)) for path in (run.folder.summary, *pages))
        ended = SweepFinished(
            sweep=run.id,
            status=status,
            metrics=sweep_metrics(summary),
            artifacts=files,
            trials=trial_disparities(summary),
        )
        tracking.record_durably(ended, FLUSH_SECONDS)


def _flush(tracking: TrackingClient, errors: ErrorLog) -> TrackingEnd:
    """What the sink has taken; the rest stays in the journal."""
    with errors.noted("ending the tracking"):
        return tracking.finish(FLUSH_SECONDS)
    return TrackingEnd(complete=False)


def _use_lines(run: SweepRun, summary: Summary, errors: ErrorLog) -> list[tuple[str, str]]:
    """The commands that use the winner, that try what is next, and that compare the backbones."""
    lines: list[tuple[str, str]] = []
    with errors.noted("naming the command that uses the winner"):
        lines += [("use it", command)] if (command := use_command(summary)) else []
    lines += [(f"try next ({one.why}: {one.cost})", one.command) for one in summary.next]
    with errors.noted("looking for sweeps to compare with"):
        lines += [("compare the backbones", command)] if (command := compare_command(run)) else []
    return lines


def _next_lines(
    run: SweepRun, tracking: TrackingClient, status: str, model: str, tracked: TrackingEnd
) -> list[tuple[str, str]]:
    see, *then = tracking.sink.view(run.id).splitlines() or [""]
    lines = [
        ("summary", str(run.folder.place / "summary.json")),
        ("page", str(run.folder.place / "report.html")),
        ("registered model", model),
        ("see the runs", see),
        *(("then open", line) for line in then),
    ]
    lines += [(tracking.sink.name, line) for line in tracked.lines(run.folder.spool)]
    if status == "KILLED" or not tracked.complete:
        lines.append(("resume with", run.resume_command))
    return lines
