"""Control of a running sweep: commands of its journal, applied at the supervisor's looks, and its budget.

pause, resume, budget      the broker is told other terms (`BudgetKeeper`)
stop-trial, prune          the sweep's stopper ends trials at their next report (`PrefixStopper`)
enqueue                    the search proposes an order, or a trial like another, next (`OrderQueue`)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from atlas.config.budget import Budget, budget_from
from atlas.config.experiment import Experiment
from atlas.config.space import Order
from atlas.config.sweep import no_search
from atlas.execution.status import BrokerStatus
from atlas.runtime.error_log import ErrorLog, ErrorRow
from atlas.runtime.errors import AtlasError, UserError, unknown
from atlas.runtime.redact import redacted
from atlas.runtime.text import counted, first_line
from atlas.search.callback import TrialJournal
from atlas.search.early_stopping import PrefixStopper
from atlas.search.feasibility import Feasibility
from atlas.search.order_queue import OrderQueue
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import StepInputs
from atlas.sweep.broker_actor import BrokerActor
from atlas.sweep.budget_keeper import BudgetKeeper
from atlas.sweep.budget_plan import gpus_of, step_seconds
from atlas.sweep.clone import check_feasible, clone_of, is_tried
from atlas.sweep.control import Answer, Command, ControlJournal, Posted
from atlas.sweep.supervision import Steering
from atlas.sweep.sweep_run import SweepRun

ENDED_BY_HAND = "by hand"

log = logging.getLogger(__name__)


@dataclass
class LiveControl:
    """Applies the commands of a sweep's journal, and keeps its budget.

    `trials` gives the trials that have begun, by Tune's ids. `exact`: all of them are known beforehand. `keep_budget`
    records a budget that was changed, for a run that resumes the sweep. `step_inputs` tell which steps trials share.
    `feasibility` judges trials before they are trained.

    A journal that cannot be read or written is a note, and tried again at the next look; an answer waits for that.
    """

    journal: ControlJournal
    keeper: BudgetKeeper
    stopper: PrefixStopper
    orders: OrderQueue
    experiment: Experiment
    trials: Callable[[], Mapping[str, TrialRecord]]
    exact: bool
    keep_budget: Callable[[Budget | None], None]
    step_inputs: StepInputs
    feasibility: Feasibility = field(default_factory=Feasibility)
    _verbs: Mapping[str, Callable[[str], str]] = field(init=False)
    _answers: dict[Posted, Answer] = field(default_factory=dict)  # that are to be written
    _broken: tuple[str, ...] = ()
    _restoring: ErrorLog = field(default_factory=ErrorLog)
    _taking: ErrorRow = field(default_factory=lambda: ErrorRow("taking commands"))

    def __post_init__(self) -> None:
        self._verbs = {
            "pause": self._pause,
            "resume": self._resume,
            "budget": self._budget,
            "stop-trial": self._stop_trial,
            "prune": self._prune,
            "enqueue": self._enqueue,
        }

    def restore(self) -> None:
        """Know the commands that earlier runs of the sweep have applied; its budget is in its options.

        Raises AtlasError where the journal's folder cannot be read. A file of it that is broken is a note.
        """
        for name in self.journal.answered():
            with self._restoring.noted(f"restoring the command {name}"):
                answer = self.journal.answer_to(name)
                if answer is not None and answer.applied:
                    self._restore(self.journal.command(name), answer)

    def _restore(self, command: Command, answer: Answer) -> None:
        if answer.parameters is not None:
            self.orders.add_point(answer.parameters)
        match command.verb:
            case "pause" | "resume":
                self.keeper.paused = command.verb == "pause"
            case "prune":
                self._prune(command.value)
            case "enqueue" if not command.like:
                self.orders.add(_tasks_of(command.value))

    def ended_run(self, run: SweepRun, *, stopped: str) -> SweepRun:
        """The run once it has ended, with the budget of now, what is spent of it, and why it ended early, if it did."""
        budget = self.keeper.budget
        options = self.experiment.options.changed(budget=str(budget) if budget else None)
        return replace(
            run, experiment=replace(run.experiment, options=options), stopped=stopped, spending=self.keeper.spent
        )

    def look(self, status: BrokerStatus) -> Steering:
        """Apply the commands that have come, then keep the budget."""
        with self._taking.noted():
            self._take_commands()
        steering = self.keeper.look(status)
        paused = ("paused: steps in training end, and no other begins",) if self.keeper.paused else ()
        notes = (*self._restoring.lines, *self._broken, *self._taking.notes, *paused, *steering.notes)
        return Steering(notes=notes, stopped=steering.stopped)

    def _take_commands(self) -> None:
        """Apply each command that has come once, and answer it."""
        pending = self.journal.pending()
        self._broken = pending.broken
        for posted in pending.commands:
            if posted not in self._answers:
                self._answers[posted] = self._apply(posted.command)
        for posted in list(self._answers):
            self.journal.answer(posted, self._answers[posted])
            del self._answers[posted]

    def _apply(self, command: Command) -> Answer:
        """Apply the command. It does not raise: without an answer, it would come again at each look."""
        try:
            if command.like:
                return self._clone(command.like, command.changes)
            return Answer(applied=True, words=self._verbs[command.verb](command.value))
        except AtlasError as error:
            return Answer(applied=False, words=str(error))
        except Exception as error:
            log.exception("the command `%s` fails", command)
            return Answer(applied=False, words=f"it fails: {redacted(first_line(error))}")

    def _pause(self, _: str) -> str:
        self.keeper.paused = True
        return "paused: steps in training end, and no other begins until `resume`"

    def _resume(self, _: str) -> str:
        was, self.keeper.paused = self.keeper.paused, False
        return "it goes on" if was else "it was not paused"

    def _budget(self, value: str) -> str:
        budget = budget_from(value)
        if budget is not None and budget.unit == "gpu-h" and not self.keeper.gpus:
            raise UserError(f"the budget is {budget}, but the fleets of this sweep have no GPUs; give hours or steps.")
        self.keep_budget(budget)
        self.keeper.budget = budget
        return f"the budget is {budget}; {self.keeper.words} are spent" if budget else "there is no budget any more"

    def _stop_trial(self, value: str) -> str:
        running = [trial.id for trial in self.trials().values() if trial.status == "RUNNING"]
        key, trial = self._find(value, running)
        if trial.status != "RUNNING":
            raise UserError(f"the trial {value} has ended already ({trial.status.lower()}); there is nothing to stop.")
        self.stopper.by_hand[key] = ENDED_BY_HAND
        return f"the trial {value} ends at its next report; the step that it waits for is kept"

    def _find(self, name: str, known: Sequence[str]) -> tuple[str, TrialRecord]:
        """Tune's id and the record of a trial. Raises UserError, with those `known`, for an unknown one."""
        found = [(key, trial) for key, trial in self.trials().items() if name in (trial.id, key)]
        if not found:
            raise unknown("trial", name, known)
        return found[0]

    def _clone(self, like: str, changes: Sequence[str]) -> Answer:
        if self.exact:
            raise UserError(
                f"all trials of the sweep {self.experiment.sweep.name} are known beforehand; it takes no others."
            )
        _, trial = self._find(like, [one.id for one in self.trials().values()])
        clone = clone_of(trial, changes, self.experiment, self.step_inputs)
        begun = (is_tried(clone.parameters, one, self.experiment) for one in self.trials().values())
        if any(begun) or self.orders.has_point(clone.parameters):
            raise UserError(f"{clone.words} is tried already, or waits to be.")
        self._check_room()
        unknown_yet = check_feasible(clone, self.feasibility)
        self.orders.add_point(clone.parameters)
        words = f"{clone.words}{clone.shares}, is the next that begins{unknown_yet}"
        return Answer(applied=True, words=words, parameters=dict(clone.parameters))

    def _check_room(self) -> None:
        """Raises UserError where all trials have begun."""
        if len(self.trials()) >= self.experiment.trial_count():
            raise UserError(
                f"all {counted(self.experiment.trial_count(), 'trial')} have begun; resume the sweep with --changed "
                f"and more of them, then enqueue this."
            )

    def _prune(self, value: str) -> str:
        prefix, tasks = _tasks_of(value), self.experiment.options.search.tasks
        if not self.experiment.sweep.searches_orders:
            raise UserError(
                f"the sweep {self.experiment.sweep.name} walks the same orders in every trial; stop trials."
            )
        for task in prefix:
            if task not in tasks:
                raise unknown("task in a prefix", task, tasks)
        space = self.experiment.options.search.space()
        if len(set(prefix)) < len(prefix) or len(prefix) >= space.size:
            few = "some of them" if space.size == len(tasks) else f"fewer than {space.size} of them"
            raise UserError(f"{value!r} is no prefix of orders of {', '.join(tasks)}; name {few}, each once.")
        if not space.begins(prefix):
            raise UserError(f"no order of the sweep begins with {value!r}: they keep to {space.in_words()}.")
        self.stopper.cut.add(prefix)
        return f"no order that begins with {' > '.join(prefix)} is gone on with"

    def _enqueue(self, value: str) -> str:
        sweep, search = self.experiment.sweep, self.experiment.options.search
        if not sweep.searches_orders or self.exact:
            raise UserError(f"all trials of the sweep {sweep.name} are known beforehand; it takes no others.")
        (order,) = self.experiment.options.changed(orders=(value,)).search.written_orders() or ((),)
        if len(order) != search.order_size:
            like = ",".join(search.tasks[: search.order_size])
            raise UserError(f"{value!r} is no order of {', '.join(search.tasks)}; write it {like}.")
        search.space().check(order)
        begun = [trial for trial in self.trials().values() if order in trial.config.orders]
        if (begun and sweep.learner is no_search) or self.orders.has(order):
            raise UserError(f"the order {' > '.join(order)} is tried already, or waits to be.")
        self._check_room()
        self.orders.add(order)
        return f"{' > '.join(order)} is the next order that is begun"


def live_control(
    run: SweepRun, broker: BrokerActor, stopper: PrefixStopper, orders: OrderQueue, journal: TrialJournal
) -> LiveControl:
    """The control of a run that begins, which knows the commands that earlier runs of the sweep have applied."""
    keeper = BudgetKeeper(
        budget=run.budget,
        before=run.spending,
        gpus=gpus_of(run.size),
        step_seconds=step_seconds(run.plan),
        allow=broker.allow,
        save=run.folder.write_spending,
        clock=time.monotonic,
    )
    control = LiveControl(
        journal=ControlJournal.of(run.folder.place),
        keeper=keeper,
        stopper=stopper,
        orders=orders,
        experiment=run.experiment,
        trials=lambda: dict(journal.trials),
        exact=run.proposals.exact,
        keep_budget=lambda budget: _write_budget(run, budget),
        step_inputs=run.inputs.step_inputs,
        feasibility=run.feasibility,
    )
    control.restore()
    return control


def _write_budget(run: SweepRun, budget: Budget | None) -> None:
    """Keep the budget in the sweep's folder, for a run that resumes it; the supervisor's next upload takes it along."""
    run.folder.write_options(run.folder.options().changed(budget=str(budget) if budget else None))


def _tasks_of(text: str) -> Order:
    return tuple(part.strip() for part in text.replace(">", ",").split(","))
