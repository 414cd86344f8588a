"""The main job, as its user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from atlas.cli import main
from atlas.report.summary import summary_from
from atlas.tracking import default_tracking_uri
from atlas.tracking.events import sweep_key
from atlas.tracking.mlflow.address import connect, key_filter
from tests.e2e.commands import ROOT, run
from tests.e2e.storages import committed, summaries

pytestmark = pytest.mark.slow


def test_a_sweep_leaves_a_valid_summary_a_page_and_both_orders(quiet: Path) -> None:
    (summary,) = summaries(quiet)
    summary_from(summary, "the summary")
    assert summary["sweep"]["status"] == "FINISHED"
    assert {tuple(trial["order"]) for trial in summary["trials"]} == {
        ("digits", "piqa-twin"),
        ("piqa-twin", "digits"),
    }
    folder = quiet / "sweeps" / summary["sweep"]["id"]
    assert "<svg" in (folder / "report.html").read_text()
    assert (folder / "order-sensitivity.png").stat().st_size > 10_000


def test_the_combination_weights_of_the_best_order_are_in_the_summary_and_in_mlflow(quiet: Path) -> None:
    (summary,) = summaries(quiet)
    best = next(trial for trial in summary["trials"] if trial["id"] == summary["best"]["trial"])
    assert [one["task"] for one in summary["alpha"]] == best["order"]
    assert [one["adapters"] for one in summary["alpha"]] == [best["order"][:1], best["order"]]
    client = connect(default_tracking_uri(quiet))
    (experiment,) = client.search_experiments(filter_string="name = 'atlas'")
    (run,) = client.search_runs([experiment.experiment_id], key_filter(sweep_key(summary["sweep"]["id"])))
    assert "combination-weights.png" in {file.path for file in client.list_artifacts(run.info.run_id)}


def test_the_page_is_drawn_from_what_mlflow_has(
    quiet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (summary,) = summaries(quiet)
    sweep, logged = summary["sweep"]["id"], ("--tracking-uri", default_tracking_uri(quiet), "--into", str(tmp_path))
    main(["report", sweep, *logged])
    assert Path(capsys.readouterr().out.strip()) == tmp_path / "report.html"
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    with pytest.raises(SystemExit):
        main(["report", "no-such-sweep", *logged])
    assert "does not know the sweep 'no-such-sweep'" in capsys.readouterr().err


def test_each_step_was_trained_once_and_the_first_steps_are_the_lone_adapters(quiet: Path) -> None:
    (summary,) = summaries(quiet)
    keys = [key for trial in summary["trials"] for key in trial["step_keys"]]
    steps = committed(quiet)
    assert set(keys) <= set(steps)
    assert len(steps) == summary["plan"]["distinct_steps"]
    for trial in summary["trials"]:
        first = trial["order"][0]
        assert trial["R"]["test"]["own"][0][0] == summary["references"]["lone"]["0"][first]["test"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tasks", "easy-vqua"), ("easy-vqua", "easy-vqa")),
        (("--tsaks", "digits"), ("--tsaks", "--tasks")),
        (("--rank", "0"), ("rank is 0", "1 or more")),
        (("--learning-rate", "-1"), ("--learning-rate is -1", "above 0")),
        (("--orders", "digits,digits"), ("digits,digits", "twice")),
        (("--backbone", "/nowhere/vilt"), ("/nowhere/vilt",)),
        (("--fleets", "64"), ("64 fleets", "CPU")),
        (("--resume", "nothing-such"), ("no interrupted sweep",)),
    ],
)
def test_bad_input_is_one_clear_line_before_any_training(
    arguments: tuple[str, ...], words: tuple[str, ...], storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = () if "--tasks" in arguments else ("--tasks", "digits", "piqa-twin")
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(ROOT / "sweeps" / "task_order.py"), *tasks, *arguments, "--storage", str(storage)])
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert said.startswith("atlas: ")
    assert said.count("\n") == 1
    for word in words:
        assert word in said
    assert committed(storage) == {}


def test_a_process_given_bad_input_ends_with_two_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("--tasks", "digits", storage=tmp_path / "file", code=2)
    assert done.stderr.startswith("atlas: ")
    assert done.stderr.count("\n") == 1
    assert "storage" in done.stderr


def test_help_answers_without_torch() -> None:
    script = "import sys, runpy; sys.argv = ['x', '--help']\ntry: runpy.run_path({!r}, run_name='__main__')\n"
    script += "except SystemExit: pass\nassert not {{'torch', 'ray', 'mlflow', 'transformers'}} & set(sys.modules)"
    file = str(ROOT / "sweeps" / "task_order.py")
    done = subprocess.run([sys.executable, "-c", script.format(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--workers-per-fleet" in done.stdout
