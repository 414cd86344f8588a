"""The launch of a sweep: its inputs are prepared, its plan is shown, and it is run on the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlas.config.beyond import beyond_of
from atlas.config.experiment import Experiment
from atlas.config.invocation import Invocation
from atlas.config.learners import tuned_learner
from atlas.config.options import Options
from atlas.config.training import AUTO, TrainingOptions
from atlas.learners import Schedule, TwoStage
from atlas.report.settings import short_label
from atlas.runtime.console import say
from atlas.runtime.errors import InfrastructureError, UserError
from atlas.runtime.text import by_number, counted
from atlas.tasks.suites import find_suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from atlas.cluster.limits import Node
    from atlas.execution.sizing import FleetSize
    from atlas.search.feasibility import Feasibility
    from atlas.search.proposals import Proposals
    from atlas.steps.graph import WalkGraph
    from atlas.sweep.definition import SearchDefinition
    from atlas.sweep.folder import SweepFolder
    from atlas.sweep.inputs import SweepInputs
    from atlas.sweep.plan import Plan
    from atlas.sweep.spending import Spending


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The end of a run: whether all its trials finished, and its folder (None after a dry run, which makes none)."""

    finished: bool
    folder: SweepFolder | None = None


def launch(
    experiment: Experiment, console: Console, folder: SweepFolder | None, address: str, invocation: Invocation
) -> RunEnd:
    """Prepare and plan the sweep, and run it on the cluster, in a new folder or the one that is resumed.

    `address`: where it is tracked. A dry run ends with the plan; it needs no cluster.

    Raises:
        UserError: bad input, before any training.
        InfrastructureError: the cluster, the storage or the tracking does not answer.
    """
    from atlas.cluster.connect import join_cluster, leave_cluster
    from atlas.execution.sizing import size_fleets
    from atlas.sweep.definition import define
    from atlas.sweep.inputs import resolve_inputs

    options = experiment.options
    here = _machine(console, dry_run=options.run.dry_run)
    if here is not None:
        size_fleets(options.cluster, [here])
    with _preparing(console) as progress:
        inputs = resolve_inputs(options, progress, tracking_uri=address)
    definition = define(experiment, inputs.step_inputs, folder, console)
    if options.run.dry_run and here is not None:
        _show_plan(experiment, inputs, [here], console, _spending(folder), _feasibility(options, inputs))
        return RunEnd(finished=True)
    join_cluster()
    try:
        return _run_on_cluster(experiment, inputs, definition, console, folder, invocation)
    finally:
        with suppress(KeyboardInterrupt):  # this process ends in any case, and the watchdog ends what is left
            leave_cluster()


def _run_on_cluster(
    experiment: Experiment,
    inputs: SweepInputs,
    definition: SearchDefinition,
    console: Console,
    folder: SweepFolder | None,
    invocation: Invocation,
) -> RunEnd:
    from atlas.cluster.limits import nodes_for
    from atlas.sweep.definition import opened

    options = experiment.options
    nodes = nodes_for(growing=options.cluster.fleets is not None)
    spending = _spending(folder)
    feasibility = _feasibility(options, inputs)
    proposals, plan, size = _show_plan(experiment, inputs, nodes, console, spending, feasibility)
    if options.run.dry_run:
        return RunEnd(finished=True)
    from atlas.sweep.driver import SweepDriver
    from atlas.sweep.earlier_runs import begin_run
    from atlas.sweep.sweep_run import SweepRun

    precision = size.precision_as(options.training.precision)
    sweep_run = SweepRun(
        experiment=replace(experiment, precision=precision),
        inputs=inputs,
        size=size,
        proposals=replace(proposals, exact=proposals.exact and not definition.changes),
        plan=plan,
        folder=opened(folder, experiment, definition, precision),
        invocation=invocation,
        changes=definition.changes,
        spending=spending,
        feasibility=feasibility,
    )
    sweep_run = replace(sweep_run, earlier=begin_run(sweep_run.folder, sweep_run.token))
    return RunEnd(finished=SweepDriver(sweep_run, console).drive(), folder=sweep_run.folder)


def _machine(console: Console, *, dry_run: bool) -> Node | None:
    """This machine, where it is the cluster; None where one is joined.

    Raises InfrastructureError where none answers that is to be joined: the plan of a dry run is this machine's then.
    """
    from atlas.cluster.limits import own_machine, this_machine
    from atlas.cluster.reach import check_reachable, ray_address

    here = this_machine()
    try:
        check_reachable(ray_address())
    except InfrastructureError as error:
        if not dry_run:
            raise
        say(console, f"{error} The plan is for this machine.", wrap=True)
        return own_machine()
    return here


def _spending(folder: SweepFolder | None) -> Spending:
    """The spending of the sweep's earlier runs."""
    from atlas.sweep.spending import Spending

    return Spending() if folder is None else folder.spending()


def _feasibility(options: Options, inputs: SweepInputs) -> Feasibility:
    """The judgement of trials by the sweep's constraints."""
    from atlas.search.feasibility import Feasibility

    return Feasibility(options.search.constraints(), inputs.parameter_counter)


def _show_plan(
    experiment: Experiment,
    inputs: SweepInputs,
    nodes: Sequence[Node],
    console: Console,
    spending: Spending,
    feasibility: Feasibility,
) -> tuple[Proposals, Plan, FleetSize]:
    """Print the plan; returns the trials that it counts, the plan, and the fleets for it.

    Raises UserError for a budget that `spending` has used up, or that the fleets cannot spend, and for constraints that
    none of the trials keeps to.
    """
    from atlas.backbones.families import family_of
    from atlas.config.budget import budget_from
    from atlas.execution.sizing import fitted, size_fleets
    from atlas.search.proposals import foresee
    from atlas.sweep.budget_plan import bought, check_budget
    from atlas.sweep.plan_notes import constraints_in_words, notes
    from atlas.sweep.terminal import print_plan

    options = experiment.options
    budget = budget_from(options.run.budget)
    size = size_fleets(options.cluster, nodes)
    if budget is not None:
        check_budget(budget, spending, size)
    experiment = replace(experiment, precision=size.precision_as(options.training.precision))
    proposals = foresee(experiment, judge=lambda walks: not feasibility.before(walks).reason)
    feasibility.check_possible(sum(map(bool, proposals.trials)))
    plan = inputs.plan(proposals, experiment.auxiliary_walks(), at_once=size.fleets)
    _check_shares(inputs.graph, size, halves=options.training.batch_size == AUTO)
    size = fitted(size, options.cluster, nodes, plan.work)
    plan = plan.on(size.fleets)
    settings = {**describe(options, size), "orders": experiment.orders_in_words()}
    settings |= notes(experiment, sizes=inputs.sizes, towers=family_of(inputs.backbone).towers)
    if feasibility.constraints:
        settings["constraints"] = constraints_in_words(feasibility.constraints, proposals)
    if budget is not None:
        settings["budget"] = bought(budget, spending, plan, size)
    print_plan(console, experiment.sweep.name, experiment.sweep.question, plan, settings)
    for warning in inputs.warnings:
        say(console, warning, wrap=True)
    return proposals, plan, size


def _check_shares(graph: WalkGraph, size: FleetSize, *, halves: bool) -> None:
    """Raises UserError where a fleet, of any size that an elastic one may have, cannot share a batch."""
    if halves and size.workers > 1:
        raise UserError(
            f"--batch-size is auto, but the {size.workers} workers of a fleet would have to cut their batches alike; "
            f"give a number, or 1 as --workers-per-fleet."
        )
    schedules = {stage.schedule for stage in graph.stages}
    for workers in size.numbers:
        for schedule in schedules:
            schedule.check_shared_by(workers)


def describe(options: Options, size: FleetSize) -> dict[str, str]:
    """The main settings, as the plan shows them."""
    cpus, gpus = by_number(size.cpus, "CPU", "CPUs"), by_number(size.gpus, "GPU", "GPUs")
    each = f"{size.cpus:g} {cpus}" + (f", {size.gpus:g} {gpus}" if size.gpus else "")
    suite = find_suite(options.search.suite) if options.search.suite else None
    beyond = beyond_of(options)
    return {
        **({"suite": suite.in_words()} if suite else {}),
        "tasks": ", ".join(options.search.tasks),
        **({"downstream": ", ".join(options.search.downstream)} if options.search.downstream else {}),
        **({"reference": options.search.reference} if options.search.reference else {}),
        **({"scored after each task": beyond.in_words} if beyond else {}),
        "seeds": ", ".join(map(str, options.search.seeds)),
        "backbone": options.training.backbone,
        **_learner_in_words(options.training),
        "fleets": f"{size.fleets} of {size.each} {by_number(size.workers, 'worker', 'workers')}, {each} each, "
        f"{size.precision_as(options.training.precision)}",
        "storage": str(options.storage.path),
    }


def _learner_in_words(training: TrainingOptions) -> dict[str, str]:
    """The learner where it is not ATLAS, and the settings that `--settings-of` took, with the length of its stages."""
    if (tuned := tuned_learner(training)) is None:
        return {"learner": training.learner} if training.learner != TwoStage.name else {}
    settings = tuned.settings()
    inner = settings.get("fusion")
    flat = {**settings, **(inner if isinstance(inner, dict) else {})}
    told = {name: value for name, value in flat.items() if isinstance(value, str | int) and value != tuned.name}
    length = " + ".join(_length(stage.schedule) for stage in tuned.stages(1))
    return {"settings": f"of {training.settings_of or '--tuned'}: {tuned.name}, {short_label(told)}; {length} a task"}


def _length(schedule: Schedule) -> str:
    """`100 updates`, `3 epochs`."""
    return counted(schedule.steps, "update") if schedule.steps is not None else f"{schedule.epochs:g} epochs"


@contextmanager
def _preparing(console: Console) -> Iterator[Callable[[str, int], None]]:
    """Show what is being prepared."""
    with console.status("checking backbone, data and storage …") as status:
        yield lambda split, records: status.update(f"preparing {split}: {counted(records, 'record')}")
