"""`--settings-of SWEEP`: the winner of an earlier sweep as the learner of a new one."""

from __future__ import annotations

import runpy
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas.config.experiment import Experiment
from atlas.config.learners import base_learner, learner_named
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import Ewc, Learner, TwoStage
from atlas.report import write_summary
from atlas.report.use_command import use_command
from atlas.runtime.errors import UserError
from atlas.sweep.file import load_sweep
from atlas.sweep.winner import with_winner
from tests.report.conftest import invented_summary, settings_summary, typed

SWEEPS = Path(__file__).parents[2] / "sweeps"
ORDERS = Sweep(name="orders", question="?", searches_orders=True)
CHOOSING = Sweep(name="choosing", question="?", learner=lambda trial, options: base_learner(options.training))
ID = "adapter-20261127-010203-ab12"


def winner(**options: Any) -> TwoStage:
    base = base_learner(Options.of(**options).training)
    return replace(base, adapter="lora", fusion=replace(base.fusion, normalisation="softmax"))


def kept(storage: Path, learner: Learner | None) -> Options:
    """Options that name a sweep in the storage, which `learner` has won."""
    document = deepcopy(settings_summary())
    document["best"]["learner"] = learner.settings() if learner is not None else {}
    write_summary(typed(document), storage / "sweeps" / ID / "summary.json")
    return Options.of(storage=str(storage), settings_of=ID)


def test_a_sweep_of_orders_walks_them_with_the_winner(tmp_path: Path) -> None:
    won = winner(rank=4, steps=50)
    options = with_winner(ORDERS, kept(tmp_path, won))
    assert learner_named(options.training.learner, options.training) == won
    assert base_learner(options.training) == won


def test_any_learner_can_have_won(tmp_path: Path) -> None:
    won = learner_named("ewc", Options.of(learning_rate=1e-4).training)
    assert isinstance(won, Ewc)
    options = with_winner(ORDERS, kept(tmp_path, replace(won, weight=7.0)))
    assert options.training.learner == "ewc"
    assert learner_named("ewc", options.training) == replace(won, weight=7.0)


def test_a_schedule_that_is_given_wins_over_the_winners(tmp_path: Path) -> None:
    options = with_winner(ORDERS, kept(tmp_path, winner(steps=50))).changed(steps=8, learning_rate=1e-4)
    found = base_learner(options.training)
    assert (found.adapter, found.expansion.steps, found.expansion.learning_rate) == ("lora", 8, 1e-4)
    ewc = with_winner(ORDERS, kept(tmp_path, learner_named("ewc", Options().training))).changed(steps=8)
    assert learner_named("ewc", ewc.training).stages(1)[0].schedule.steps == 16


def test_another_learner_keeps_its_own_settings(tmp_path: Path) -> None:
    options = with_winner(ORDERS, kept(tmp_path, winner()))
    assert learner_named("ewc", options.training) == learner_named("ewc", Options().training)


def test_options_that_are_resolved_are_not_looked_up_again(tmp_path: Path) -> None:
    options = with_winner(ORDERS, kept(tmp_path, winner()))
    (tmp_path / "sweeps" / ID / "summary.json").unlink()
    assert with_winner(ORDERS, options) == options
    assert with_winner(ORDERS, Options()) == Options()


@pytest.mark.parametrize("file", sorted(SWEEPS.glob("*.py")), ids=lambda path: path.stem)
def test_every_sweep_takes_it(file: Path, tmp_path: Path) -> None:
    sweep = load_sweep(file)
    won = learner_named("ewc", Options().training) if file.stem == "learner" else winner(rank=4)
    named = kept(tmp_path, won)
    options = with_winner(sweep, sweep.defaults.changed(**{n: named.flat()[n] for n in ("storage", "settings_of")}))
    Experiment(sweep=sweep, options=options).check()
    assert options.training.tuned


def test_what_it_cannot_mean_is_refused(tmp_path: Path) -> None:
    options = kept(tmp_path, winner())
    with pytest.raises(UserError, match=f"--rank is 8 beside --settings-of {ID}, which has a rank of its own"):
        with_winner(ORDERS, options.changed(rank=8))
    with pytest.raises(UserError, match="--rank is 16 beside"):
        with_winner(ORDERS, options, {"rank"})
    with pytest.raises(UserError, match="--learner is ewc beside .* whose learner is 'atlas'"):
        with_winner(ORDERS, options.changed(learner="ewc"))
    with pytest.raises(UserError, match=f"unknown sweep of --settings-of 'adapter-1'. .*{ID}"):
        with_winner(ORDERS, options.changed(settings_of="adapter-1"))
    ewc = kept(tmp_path, learner_named("ewc", Options().training))
    with pytest.raises(UserError, match="the settings of the learner 'ewc', which the sweep choosing does not try"):
        with_winner(CHOOSING, ewc)
    with pytest.raises(UserError, match="was summarised before settings were recorded; run its command again"):
        with_winner(ORDERS, kept(tmp_path, None))


def test_settings_that_are_given_as_they_are_bring_their_learner_as_a_winner_does() -> None:
    ewc = Options.of(tuned='{"name": "ewc"}')
    assert with_winner(ORDERS, ewc).training.learner == "ewc"
    with pytest.raises(UserError, match="--learner is lwf beside --tuned, whose learner is 'ewc'"):
        with_winner(ORDERS, ewc.changed(learner="lwf"))
    with pytest.raises(UserError, match="--tuned has the settings of the learner 'ewc', which the sweep choosing does"):
        with_winner(CHOOSING, ewc)


def test_a_setting_of_subsets_is_used_along_subsets() -> None:
    document = deepcopy(settings_summary())
    document["best"]["learner"] = {"name": "atlas"}
    document["sweep"]["command"] = "python sweeps/both.py --tasks a b c --subset-size 2 --trials 8"
    assert use_command(typed(document)).endswith(
        f"--settings-of {document['sweep']['id']} --tasks a b c --subset-size 2"
    )
    document["sweep"]["command"] = "python sweeps/both.py --resume latest"
    document["settings"] |= {"tasks": ["a", "b", "c"], "subset_size": 2}
    assert "--tasks a b c --backbone vilt-tiny --subset-size 2" in use_command(typed(document))


def test_a_sweep_of_orders_says_how_its_best_order_is_used() -> None:
    document = deepcopy(invented_summary(3))
    best = ",".join(typed(document).best_trial.order)  # type: ignore[union-attr]
    tasks = " ".join(document["tasks"])
    assert use_command(typed(document)) == f"python sweeps/task_order.py --tasks {tasks} --orders {best}"
    document["best"]["learner"] = {"name": "atlas"}
    document["sweep"]["command"] = (
        "python sweeps/task_order.py --tasks a my.py:B --source b=/x y=/z --backbone /v --smoke"
    )
    expected = (
        f"--settings-of {document['sweep']['id']} --orders {best} --tasks a my.py:B --source b=/x y=/z --backbone /v"
    )
    assert use_command(typed(document)) == f"python sweeps/task_order.py {expected}"
    alone = {**document, "trials": [row for row in document["trials"] if row["id"] == document["best"]["trial"]]}
    assert use_command(typed(alone)) == ""


def test_the_command_names_the_sweep_and_where_it_is_kept() -> None:
    document = deepcopy(settings_summary())
    assert use_command(typed(document)) == ""
    document["best"]["learner"] = {"name": "atlas"}
    assert use_command(typed(document)) == f"python sweeps/task_order.py --settings-of {ID}"
    document["settings"]["storage"] = "/a b"
    assert use_command(typed(document)).endswith(" --storage '/a b'")
    document["sweep"]["command"] = "python /repo/sweeps/adapter.py --smoke"
    assert use_command(typed(document)).startswith("python /repo/sweeps/task_order.py ")
    assert runpy.run_path(str(SWEEPS / "task_order.py"))["SWEEP"].searches_orders
    for command in ("atlas sweep adapter --smoke", "python my_sweep.py", "python '"):
        document["sweep"]["command"] = command
        assert use_command(typed(document)).startswith(f"atlas sweep task-order --settings-of {ID}")


def test_a_sweep_that_was_resumed_or_read_its_options_names_them_by_their_recorded_values() -> None:
    document = deepcopy(settings_summary())
    document["best"]["learner"] = {"name": "atlas"}
    document["settings"] |= {"tasks": ["vqa"], "backbone": "vlm-tiny", "source": ["vqa=/data"]}
    carried = "--tasks vqa --backbone vlm-tiny --source vqa=/data"
    for options in ("--resume latest", "--resume=latest --storage /s", "--config run.yaml"):
        document["sweep"]["command"] = f"python sweeps/adapter.py {options}"
        assert use_command(typed(document)) == f"python sweeps/task_order.py --settings-of {ID} {carried}"
