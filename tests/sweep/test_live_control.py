"""Control of a running sweep: each command's effect, its refusals, and what a resumed run knows of it."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from atlas.config.budget import Budget
from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.trial import TrialConfig
from atlas.execution.allowance import Allowance
from atlas.execution.status import BrokerStatus
from atlas.learners import Schedule, TwoStage
from atlas.runtime.errors import StorageUnavailable
from atlas.search.early_stopping import PrefixStopper
from atlas.search.order_queue import OrderQueue
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import StepInputs
from atlas.storage.filesystem import StoragePath
from atlas.sweep import control
from atlas.sweep.budget_keeper import BudgetKeeper
from atlas.sweep.control import ControlJournal, Pending, read_command
from atlas.sweep.live_control import LiveControl
from atlas.sweep.spending import Spending
from atlas.sweep.supervision import Steering

TASKS = ("digits", "easy-ve", "piqa-twin")
OPTIONS = Options.of(tasks=TASKS, orders=("4",))
ORDERS = Sweep(name="order", question="", searches_orders=True)


def trial(name: str, order: tuple[str, ...], status: str = "RUNNING") -> TrialRecord:
    learner = TwoStage(experience=None, expansion=Schedule(steps=1))
    config = TrialConfig(learner=learner, orders=(order,), seeds=(0,))
    return TrialRecord(name, config, status=status)  # type: ignore[arg-type]


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@dataclass
class World:
    """A sweep under control, and what is told to its broker."""

    folder: Path
    exact: bool = False
    sweep: Sweep = ORDERS
    options: Options = OPTIONS
    trials: dict[str, TrialRecord] = field(default_factory=dict)
    allowed: list[Allowance] = field(default_factory=list)
    budgets: list[Budget | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        keeper = BudgetKeeper(
            budget=None,
            before=Spending(steps=3),
            gpus=0.0,
            step_seconds=0.0,
            allow=self.allowed.append,
            save=lambda spending: None,
            clock=lambda: 0.0,
        )
        self.control = LiveControl(
            journal=ControlJournal.of(StoragePath.at(self.folder)),
            keeper=keeper,
            stopper=PrefixStopper(None),
            orders=OrderQueue(),
            experiment=Experiment(sweep=self.sweep, options=self.options),
            trials=lambda: self.trials,
            exact=self.exact,
            keep_budget=self.budgets.append,
            step_inputs=StepInputs(backbone="b", data={task: task for task in TASKS}),
        )

    def say(self, words: str) -> str:
        """Post a command, look, and give the answer: `no: ` before one that is refused."""
        name = self.control.journal.post(read_command(words.split()))
        self.look()
        answer = self.control.journal.answer_to(name)
        assert answer is not None
        return answer.words if answer.applied else f"no: {answer.words}"

    def look(self) -> Steering:
        allowance = self.allowed[-1] if self.allowed else None
        return self.control.look(BrokerStatus(born="first", allowance=allowance))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_pause_and_resume_change_what_the_broker_may_lease(world: World) -> None:
    world.look()
    assert world.allowed == [Allowance()]
    assert "no other begins until `resume`" in world.say("pause")
    assert world.allowed[-1] == Allowance(paused=True)
    assert "paused" in world.look().notes[0]
    assert world.say("resume") == "it goes on"
    assert world.allowed[-1] == Allowance()
    assert world.say("resume") == "it was not paused"


def test_a_budget_is_kept_for_a_run_that_resumes_the_sweep(world: World) -> None:
    assert world.say("budget 20steps") == "the budget is 20steps; 3 of 20 steps are spent"
    assert world.budgets == [Budget(20.0, "steps")]
    assert world.allowed[-1].steps == 17
    assert world.say("budget none") == "there is no budget any more"
    assert world.allowed[-1] == Allowance()
    assert "the fleets of this sweep have no GPUs" in world.say("budget 2gpu-h")


def test_a_trial_is_stopped_by_its_id_and_another_is_refused(world: World) -> None:
    world.trials = {"tune-1": trial("t1", TASKS), "tune-2": trial("t2", TASKS[::-1], "FINISHED")}
    assert "the trial t1 ends at its next report" in world.say("stop-trial t1")
    assert world.control.stopper.by_hand == {"tune-1": "by hand"}
    assert "no: the trial t2 has ended already (finished)" in world.say("stop-trial t2")
    assert "no: unknown trial 't3'. Did you mean 't1'?" in world.say("stop-trial t3")


def test_a_prefix_is_pruned_and_one_that_is_none_is_refused(world: World) -> None:
    assert world.say("prune digits,easy-ve") == "no order that begins with digits > easy-ve is gone on with"
    assert world.control.stopper.cut == {("digits", "easy-ve")}
    assert "no: unknown task in a prefix 'vqa'" in world.say("prune vqa")
    assert "is no prefix of orders" in world.say("prune digits,digits")
    assert "is no prefix of orders" in world.say(f"prune {','.join(TASKS)}")


def test_orders_and_prefixes_outside_of_the_space_are_refused(tmp_path: Path) -> None:
    constrained = World(tmp_path, options=OPTIONS.changed(before=("digits,piqa-twin",), orders=("2",)))
    kept, broken = "easy-ve,digits,piqa-twin", "piqa-twin,digits,easy-ve"
    assert "does not keep to digits before piqa-twin" in constrained.say(f"enqueue {broken}")
    assert "no order of the sweep begins with 'piqa-twin'" in constrained.say("prune piqa-twin")
    assert not constrained.say(f"enqueue {kept}").startswith("no: ")
    assert not constrained.say("prune easy-ve").startswith("no: ")


def test_orders_of_some_of_the_tasks_are_steered_by_their_own_size(tmp_path: Path) -> None:
    subsets = World(tmp_path, options=OPTIONS.changed(subset_size=2))
    one, other, *_ = TASKS
    assert subsets.say(f"enqueue {other},{one}") == f"{other} > {one} is the next order that is begun"
    assert "with --subset-size 2 name 2" in subsets.say(f"enqueue {','.join(TASKS)}")
    assert f"write it {one},{other}." in subsets.say(f"enqueue {one}")
    assert subsets.say(f"prune {one}") == f"no order that begins with {one} is gone on with"
    assert "name fewer than 2 of them, each once" in subsets.say(f"prune {one},{other}")


def test_an_order_is_enqueued_once(world: World) -> None:
    order = ",".join(TASKS)
    assert world.say(f"enqueue {order}") == f"{' > '.join(TASKS)} is the next order that is begun"
    assert "no: the order" in world.say(f"enqueue {order}")
    assert world.control.orders.take() == [TASKS]
    world.trials = {"1": trial("t1", TASKS)}
    assert "is tried already" in world.say(f"enqueue {order}")
    assert "leaves out" in world.say("enqueue digits,easy-ve")
    assert "is no order of" in world.say("enqueue digits")
    world.trials = {str(number): trial(f"t{number}", TASKS) for number in range(4)}
    assert "all 4 trials have begun" in world.say(f"enqueue {','.join(TASKS[::-1])}")


def test_a_sweep_whose_trials_are_all_known_takes_no_other(tmp_path: Path) -> None:
    assert "are known beforehand" in World(tmp_path, exact=True).say(f"enqueue {','.join(TASKS)}")


def test_a_resumed_run_knows_what_was_applied_and_proposes_no_order_twice(world: World, tmp_path: Path) -> None:
    for words in ("pause", "prune digits", f"enqueue {','.join(TASKS)}", f"enqueue {','.join(TASKS[::-1])}"):
        assert not world.say(words).startswith("no: ")
    again = World(tmp_path)
    again.control.restore()
    assert again.control.keeper.paused
    assert again.control.stopper.cut == {("digits",)}
    again.control.orders.know(TASKS)  # the search finds it among the trials that it began
    assert again.control.orders.take() == [TASKS[::-1]]
    assert again.control.journal.pending() == Pending()


def test_a_file_that_is_no_command_is_noted_and_the_others_are_applied(world: World, tmp_path: Path) -> None:
    world.say("resume")
    broken = world.control.journal.place.local / "0.json"
    broken.write_text("{")
    assert world.say("pause").startswith("paused")
    assert "0.json is no command of a sweep; delete it" in world.look().notes[0]
    again = World(tmp_path)
    again.control.restore()
    assert again.control.keeper.paused
    broken.unlink()
    assert not any("no command" in note for note in world.look().notes)


def test_a_command_that_cannot_be_restored_is_noted_and_the_others_are(world: World, tmp_path: Path) -> None:
    world.say("pause")
    world.say("prune digits")
    folder = world.control.journal.place.local
    (first, _) = world.control.journal.answered()
    (folder / f"{first}.answer.json").write_text("{")
    again = World(tmp_path)
    again.control.restore()
    assert again.control.stopper.cut == {("digits",)}
    assert f"restoring the command {first}: " in again.look().notes[0]
    assert "is no answer of a sweep; delete it" in again.look().notes[0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("no such thing, http://me:hunter2@host"), "no: it fails: no such thing, http://***@host"),
        (StorageUnavailable("the disk is full."), "no: the disk is full."),
    ],
)
def test_a_command_that_fails_is_answered_and_does_not_come_again(world: World, error: Exception, words: str) -> None:
    def fail(_: object) -> None:
        raise error

    world.control.keep_budget = fail
    assert world.say("budget 20steps") == words
    assert world.control.keeper.budget is None
    assert world.control.journal.pending() == Pending()


def test_a_command_whose_answer_cannot_be_written_is_applied_once_and_answered_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    order = ",".join(TASKS)
    name = world.control.journal.post(read_command(["enqueue", order]))
    with monkeypatch.context() as full:
        full.setattr(control, "write_whole", no_space)
        for _ in range(3):
            assert "cannot be written into" in world.look().notes[0]
    assert caplog.text.count("; trying again") == 1
    assert world.look().notes == ()
    answer = world.control.journal.answer_to(name)
    assert answer is not None
    assert answer.applied
    assert world.control.orders.take() == [TASKS]


def test_a_journal_that_is_out_of_reach_is_noted_and_the_budget_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "listdir", no_space)
    assert "taking commands fails: " in world.look().notes[0]
    assert world.allowed == [Allowance()]


def test_a_command_that_came_while_no_run_was_there_is_applied_by_the_next(world: World, tmp_path: Path) -> None:
    name = world.control.journal.post(read_command(["pause"]))
    again = World(tmp_path)
    again.control.restore()
    assert not again.control.keeper.paused
    again.look()
    assert again.control.keeper.paused
    assert again.control.journal.answer_to(name) is not None
