from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.rerun import rerun_section, values_used
from tests.report.conftest import Document, typed


def test_the_command_the_settings_and_the_versions_are_shown(summary: Document) -> None:
    page = render(rerun_section(typed(summary)))
    assert f"<pre>{summary['sweep']['command']}</pre>" in page
    assert "<dt>seeds</dt><dd>1</dd>" in page
    assert "The best order (every sweep takes <code>--orders</code>" in page
    assert "<dt>ray</dt><dd>2.60.0</dd>" in page
    assert "train 4,000, val 500, test 1,000" in page


def test_a_task_that_bears_a_packages_name_does_not_hide_its_version(summary: Document) -> None:
    summary["tasks"]["ray"] = summary["tasks"]["digits"]
    assert [name for name, _ in rerun_section(typed(summary)).versions].count("ray") == 2


def test_values_that_the_learner_or_the_sweep_chose_stand_where_none_was_given(summary: Document) -> None:
    summary["settings"] |= {"steps": None, "trials": None, "precision": "auto", "epochs": None, "smoke": False}
    stages = {"experience": {"steps": 50, "precision": "float32"}, "expansion": {"steps": 100, "precision": "float32"}}
    summary["best"]["learner"] = {"name": "atlas", **stages}
    used = values_used(typed(summary))
    assert (used["steps"], used["precision"], used["trials"]) == ("50 and 100", "float32", "24")
    assert not {"epochs", "smoke"} & used.keys()
    assert "None" not in used.values()


def test_the_model_and_the_runs_are_a_line_to_copy_each(summary: Document) -> None:
    runs = "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=task-order-1"
    database = "sqlite:////a b/mlflow.db"
    summary["sweep"] |= {
        "view": f"mlflow ui --port 5000\n{runs}",
        "model": "atlas-task-order",
        "tracking_uri": database,
    }
    summary["settings"]["storage"] = "/s"
    taken = dict(rerun_section(typed(summary)).take)
    assert taken["in Python"] == f"import atlas; model = atlas.open('{summary['sweep']['id']}', storage='/s').model()"
    assert taken["as a PEFT folder"] == f"atlas store export {summary['sweep']['id']} model --storage /s"
    assert taken["the champion of atlas-task-order"] == (
        f"import mlflow; mlflow.set_tracking_uri('{database}'); "
        "model = mlflow.pyfunc.load_model('models:/atlas-task-order@champion')"
    )
    assert taken["the same, served"].startswith(
        f"MLFLOW_TRACKING_URI='{database}' mlflow models serve -m models:/atlas"
    )
    assert (taken["the runs"], taken["then open"]) == ("mlflow ui --port 5000", runs)
    page = render(rerun_section(typed(summary)))
    assert "<pre>mlflow ui --port 5000</pre>" in page


def test_a_smoke_runs_model_is_taken_by_its_version_since_it_is_never_the_champion(summary: Document) -> None:
    summary["sweep"]["model"] = "atlas-task-order"
    summary["settings"]["smoke"] = True
    taken = dict(rerun_section(typed(summary)).take)
    assert "models:/atlas-task-order/latest" in taken["the latest version of atlas-task-order"]
    assert "@champion" not in "".join(taken.values())
