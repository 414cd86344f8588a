"""The MLflow UI on a sweep's runs, in headless Chromium: nested runs, the heat map, no noise among the metrics."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from atlas.tracking import Server, default_tracking_uri
from atlas.tracking.mlflow.address import connect
from tests.e2e.browser import needs_browser
from tests.e2e.storages import summaries
from tests.ports import lasting_port
from tests.servers import running

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def runs(quiet: Path) -> dict[str, Any]:
    """The quiet sweep's runs, by what they are."""
    client = connect(default_tracking_uri(quiet))
    (experiment,) = client.search_experiments(filter_string="name = 'atlas'")
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    by_kind: dict[str, Any] = {"experiment": experiment.experiment_id, "client": client}
    for run in found:
        by_kind.setdefault(run.data.tags["atlas.kind"], []).append(run)
    return by_kind


def test_trials_and_steps_are_nested_below_the_sweep_and_steps_are_there_once(
    runs: dict[str, Any], quiet: Path
) -> None:
    summary = summaries(quiet)[0]
    sweep = next(run for run in runs["sweep"] if run.info.run_name == summary["sweep"]["id"])
    trials = [run for run in runs["trial"] if run.data.tags["mlflow.parentRunId"] == sweep.info.run_id]
    steps = [run for run in runs["step"] if run.data.tags["mlflow.parentRunId"] == sweep.info.run_id]
    assert {run.info.run_name for run in trials} == {"digits → piqa-twin", "piqa-twin → digits"}
    assert len(steps) == summary["plan"]["distinct_steps"]
    assert {run.info.status for run in [sweep, *trials, *steps]} == {"FINISHED"}


def test_a_trials_run_points_to_its_steps_and_shows_r(runs: dict[str, Any], quiet: Path) -> None:
    trial = summaries(quiet)[0]["trials"][0]
    run = next(run for run in runs["trial"] if trial["id"] in run.data.tags["atlas.key"])
    for key in trial["step_keys"]:
        assert (
            next(step for step in runs["step"] if step.data.tags["atlas.key"] == key).info.run_id
            in (run.data.tags["atlas.steps"])
        )
    assert run.data.metrics["test/latest/average_accuracy"] == pytest.approx(
        trial["metrics"]["test/latest/average_accuracy"]
    )


def test_no_noise_of_rays_is_among_the_metrics_and_each_step_has_its_data_and_adapter(runs: dict[str, Any]) -> None:
    names = {name for kind in ("sweep", "trial", "step") for run in runs[kind] for name in run.data.metrics}
    assert not [name for name in names if name.startswith("time_") or "iterations_since" in name or name == "done"]
    for run in runs["step"]:
        assert run.inputs.dataset_inputs
        if run.data.tags["stage"] != "head":
            files = {file.path for file in runs["client"].list_artifacts(run.info.run_id, "adapter")}
            assert {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"} <= files


def test_the_champion_is_served_as_the_documentation_says(quiet: Path, tmp_path: Path) -> None:
    """By MLflow's own server, in a process of its own, outside of the checkout."""
    port = lasting_port()
    serve = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/atlas-task-order@champion"]
    serve += ["--env-manager", "local", "--port", str(port)]
    programs = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"  # as in an activated environment
    shell = {**os.environ, "PATH": programs, "MLFLOW_TRACKING_URI": default_tracking_uri(quiet), "HF_HUB_OFFLINE": "1"}
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 90).save(buffer, "PNG")
    texts = json.dumps(["to make the red circle blue , paint it blue .", "to make it blue , paint it red ."])
    rows = [
        {"task": "piqa-twin", "text": texts, "image": ""},
        {"task": "digits", "text": "", "image": base64.b64encode(buffer.getvalue()).decode()},
    ]
    with running(serve, port, log=tmp_path / "log", cwd="/", env=shell):
        choice, digit = asked(port, rows, "latest")["predictions"]
        refused = asked(port, [{**rows[0], "task": "digts"}], "latest")
    assert choice["answer"] in ("0", "1")
    assert digit["answer"] in "0123456789"
    assert 0 < digit["probability"] <= 1
    assert "unknown task 'digts'. Did you mean 'digits'" in refused["message"]
    assert "Traceback" not in json.dumps(refused)


def asked(port: int, rows: list[dict[str, str]], route: str) -> Any:
    """What the server at a port answers to rows of a data frame, as JSON."""
    body = json.dumps({"dataframe_records": rows, "params": {"route": route}}).encode()
    address = f"http://127.0.0.1:{port}/invocations"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=200) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


@pytest.fixture(scope="module")
def page(quiet: Path, browser: Chrome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Chrome]]:
    """The UI's address and a browser."""
    log = tmp_path_factory.mktemp("ui") / "log"
    with Server(default_tracking_uri(quiet), port=lasting_port(), artifacts=quiet / "mlartifacts", log=log) as server:
        yield server.uri, browser


def test_the_ui_shows_the_nested_runs(page: tuple[str, Chrome], runs: dict[str, Any]) -> None:
    address, browser = page
    browser.get(f"{address}/#/experiments/{runs['experiment']}/runs")
    name = runs["sweep"][-1].info.run_name
    assert WebDriverWait(browser, 90).until(lambda seen: name in seen.find_element(By.TAG_NAME, "body").text)


def test_the_ui_shows_the_heat_map_of_r(page: tuple[str, Chrome], runs: dict[str, Any]) -> None:
    address, browser = page
    run = runs["sweep"][-1].info.run_id
    browser.get(f"{address}/#/experiments/{runs['experiment']}/runs/{run}/artifacts/accuracy-matrices-latest.png")

    def drawn(seen: Chrome) -> bool:
        sizes = seen.execute_script("return [...document.images].map(i => i.naturalWidth)")
        return any(size > 300 for size in sizes)

    assert WebDriverWait(browser, 90).until(drawn)
