"""Reproduce a run: replay it in a clean store and compare every score."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.config.shipped import shipped_as
from atlas.report import Summary, read_summary
from atlas.reproduce.comparison import compare, name_of, scores_of
from atlas.reproduce.data_reuse import reusable_data, reuse_data
from atlas.reproduce.difference import differences, of_backbone, of_data, refuse
from atlas.reproduce.learner import load_recorded_learner
from atlas.reproduce.plan import ReproduceOptions, ReproductionPlan
from atlas.reproduce.printing import print_comparison, print_run
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import replay_of
from atlas.reproduce.report_file import reproduction_report
from atlas.reproduce.tolerance import tolerance_for
from atlas.reproduce.workspace import check_workspace, clean_workspace
from atlas.runtime.console import say
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.paths import absolute
from atlas.runtime.text import counted
from atlas.sweep.file import imports_beside
from atlas.sweep.inputs import resolve_inputs
from atlas.sweep.run import run
from atlas.tasks import find_task

if TYPE_CHECKING:
    from rich.console import Console


def reproduce(recorded: RecordedRun, options: ReproduceOptions, console: Console) -> bool:
    """Reproduce the run, unless it is a dry run; True where every score is equal (or it was one).

    Raises:
        UserError: before anything is trained, where it would be another experiment or cannot be run here.
    """
    plan = plan_reproduction(recorded, options)
    print_run(console, plan)
    refuse(plan.found)
    check_workspace(options.into, recorded)
    if options.dry_run:
        return True
    with clean_workspace(options.into, recorded) as place:
        began = time.time()
        summary = _run(plan, place.root, console)
        compared = compare(plan.scores, scores_of(summary, summary.trials))
        report = reproduction_report(plan, compared, status=summary.sweep.status, seconds=time.time() - began)
        place.is_kept = place.is_kept or not report.equal
        path = _report_path(recorded, options)
        report.write(path)
        print_comparison(console, compared, plan.tolerance, equal=report.equal)
        say(console, f"report: {path}")
        if place.is_kept:
            say(console, f"storage: {place.root}")
    return report.equal


def plan_reproduction(recorded: RecordedRun, options: ReproduceOptions) -> ReproductionPlan:
    """The replay of the run and what differs here. Prepares and trains nothing.

    Raises UserError for a run that this version of atlas cannot replay, or that has no score to compare.
    """
    scores = scores_of(recorded.summary, recorded.trials)
    walks = {name_of(row) for row in recorded.trials}
    if not any(what in walks for what, _, _ in scores):
        raise UserError(f"the run {recorded.name} has no score that could be compared.")
    _load_tasks(recorded, options.tasks)
    load_recorded_learner(recorded, options.learner)
    refuse(of_backbone(recorded))  # first: the keys of its steps are known by its family
    replay = replay_of(recorded, _file(recorded, options.file), options.overrides, options.source)
    found = differences(recorded, replay)
    return ReproductionPlan(
        recorded=recorded,
        replay=replay,
        scores=scores,
        found=found,
        tolerance=tolerance_for(options.tolerance, found, recorded),
        reusable_data=reusable_data(recorded.fingerprints, recorded.storages),
    )


def _load_tasks(recorded: RecordedRun, given: tuple[str, ...]) -> None:
    """Load user-defined tasks from their files. Raises UserError for an unknown task."""
    for address in given or recorded.own:
        find_task(address)
    for name in recorded.fingerprints:
        try:
            find_task(name)
        except AtlasError as error:
            raise UserError(
                f"{error} If {name!r} is a task of your own, name its file: --task FILE.py:NAME."
            ) from error


def _file(recorded: RecordedRun, given: Path | None) -> Path:
    path = given or Path(recorded.command[0])
    if given is None and not path.is_file() and (shipped := shipped_as(path)) is not None:
        return shipped
    if not path.is_file():
        raise UserError(
            f"there is no sweep file {path} under {Path.cwd()}; call this from where the run was started, or name the "
            f"file: --file FILE."
        )
    return path


def _run(plan: ReproductionPlan, root: Path, console: Console) -> Summary:
    """Run the replay in the storage `root`; returns its summary. Raises UserError where its data is different."""
    replay = plan.replay.at(root)
    for task, folder in plan.reusable_data.items():
        reuse_data(task, folder, root)
    with imports_beside(replay.file):
        with console.status("checking backbone, data and storage …") as status:
            inputs = resolve_inputs(
                replay.options, lambda split, n: status.update(f"preparing {split}: {counted(n, 'record')}")
            )
        refuse(of_data(plan.recorded.fingerprints, inputs.step_inputs.data))
        before = set(root.glob("sweeps/*"))
        run(replay.experiment.sweep, replay.options, console, invocation=replay.invocation)
    (made,) = set(root.glob("sweeps/*")) - before
    return read_summary(made / "summary.json")


def _report_path(recorded: RecordedRun, options: ReproduceOptions) -> Path:
    if options.report is not None:
        return absolute(options.report)
    if options.into is not None:
        return absolute(options.into) / "reproduction.json"
    return Path.cwd() / f"reproduction-{recorded.name.replace('/', '-')}.json"
