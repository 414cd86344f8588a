"""Reproduce a run: rebuild it, check what it stands on, run it in a clean store, compare every score."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.report import read_summary
from atlas.reproduce.comparison import Compared, compare, name_of, scores_of
from atlas.reproduce.data_reuse import reusable_data, reuse_data
from atlas.reproduce.difference import differences, of_data, refuse
from atlas.reproduce.learner import bring_learner
from atlas.reproduce.plan import ReproduceOptions, ReproductionPlan
from atlas.reproduce.printing import print_comparison, print_run
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import as_text, rebuild
from atlas.reproduce.tolerance import tolerance_for
from atlas.reproduce.workspace import check_workspace, clean_workspace
from atlas.runtime.errors import AtlasError
from atlas.sweep.file import stand_in
from atlas.sweep.inputs import resolve_inputs
from atlas.sweep.provenance import machine, versions
from atlas.sweep.run import run
from atlas.tasks import find_task

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1


def reproduce(recorded: RecordedRun, wish: ReproduceOptions, console: Console) -> bool:
    """Reproduce the run, unless it is a dry run; True where every score is equal (or it was one).

    Raises:
        AtlasError: before anything is trained, where it would be another experiment or cannot be run here.
    """
    prospect = look_ahead(recorded, wish)
    print_run(console, prospect)
    refuse(prospect.found)
    check_workspace(wish.into, recorded)
    if wish.dry_run:
        return True
    with clean_workspace(wish.into, recorded) as place:
        began = time.time()
        summary = _run(prospect, place.root, console)
        compared = compare(prospect.scores, scores_of(summary, summary["trials"]))
        equal = all(one.is_equal(prospect.tolerance.points) for one in compared)
        place.is_kept = place.is_kept or not equal
        path = _report_path(recorded, wish)
        facts = _facts(prospect, compared, seconds=time.time() - began)
        _write(path, {**facts, "status": summary["sweep"]["status"], "equal": equal})
        print_comparison(console, compared, prospect.tolerance, equal=equal)
        console.print(f"report: {path}", highlight=False, soft_wrap=True)
        if place.is_kept:
            console.print(f"storage: {place.root}", highlight=False, soft_wrap=True)
    return equal


def look_ahead(recorded: RecordedRun, wish: ReproduceOptions) -> ReproductionPlan:
    """Rebuild the run and find what differs here. Prepares and trains nothing.

    Raises AtlasError for a run that this version of atlas cannot rebuild, or that has no score to compare.
    """
    scores = scores_of(recorded.summary, recorded.trials)
    walks = {name_of(row) for row in recorded.trials}
    if not any(what in walks for what, _, _ in scores):
        raise AtlasError(f"the run {recorded.name} has no score that could be compared.")
    _bring(recorded, wish.tasks)
    bring_learner(recorded, wish.learner)
    rebuilt = rebuild(recorded, _file(recorded, wish.file), wish.placement, wish.source)
    found = differences(recorded, rebuilt)
    return ReproductionPlan(
        recorded=recorded,
        rebuilt=rebuilt,
        scores=scores,
        found=found,
        tolerance=tolerance_for(wish.tolerance, found, recorded),
        lent=reusable_data(recorded.fingerprints, recorded.storages),
    )


def _bring(recorded: RecordedRun, given: tuple[str, ...]) -> None:
    """Have the user's own tasks known by their names. Raises AtlasError for a task that nothing knows."""
    for address in given or recorded.own:
        find_task(address)
    for name in recorded.fingerprints:
        try:
            find_task(name)
        except AtlasError as error:
            raise AtlasError(
                f"{error} If {name!r} is a task of your own, name its file: --task FILE.py:NAME."
            ) from error


def _file(recorded: RecordedRun, given: Path | None) -> Path:
    path = given or Path(recorded.command[0])
    if not path.is_file():
        raise AtlasError(
            f"there is no sweep file {path} under {Path.cwd()}; call this from where the run was started, or name the "
            f"file: --file FILE."
        )
    return path


def _run(prospect: ReproductionPlan, root: Path, console: Console) -> dict[str, Any]:
    """Run it in the storage `root`; gives its summary. Raises AtlasError where the data is another."""
    rebuilt = prospect.rebuilt.at(root)
    for task, folder in prospect.lent.items():
        reuse_data(task, folder, root)
    with stand_in(rebuilt.command):
        with console.status("checking backbone, data and storage …") as status:
            told = resolve_inputs(rebuilt.options, lambda split, n: status.update(f"preparing {split}: {n:,} records"))
        refuse(of_data(prospect.recorded.fingerprints, told.step_inputs.data))
        before = set(root.glob("sweeps/*"))
        run(rebuilt.sweep, rebuilt.options, console)
    (made,) = set(root.glob("sweeps/*")) - before
    return read_summary(made / "summary.json")


def _report_path(recorded: RecordedRun, wish: ReproduceOptions) -> Path:
    if wish.report is not None:
        return wish.report.expanduser().resolve()
    if wish.into is not None:
        return wish.into.expanduser().resolve() / "reproduction.json"
    return Path.cwd() / f"reproduction-{recorded.name.replace('/', '-')}.json"


def _facts(prospect: ReproductionPlan, compared: list[Compared], *, seconds: float) -> dict[str, Any]:
    recorded = prospect.recorded
    apart = [one.difference for one in compared if one.difference is not None]
    return {
        "schema": SCHEMA,
        "run": recorded.name,
        "recorded_command": recorded.summary["sweep"]["command"],
        "command": as_text(prospect.rebuilt.command),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": seconds,
        "machine": machine(),
        "versions": versions(),
        "fingerprints": recorded.fingerprints,
        "backbone": recorded.step_inputs.backbone,
        "precision": prospect.rebuilt.precision,
        "differences": [asdict(one) for one in prospect.found],
        "tolerance": asdict(prospect.tolerance),
        "largest": max(apart, default=None),
        "compared": [{**asdict(one), "equal": one.is_equal(prospect.tolerance.points)} for one in compared],
    }


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts, indent=1) + "\n")
    except OSError as error:
        raise AtlasError(f"the report {path} cannot be written: {error.strerror}; name another by --report.") from error
