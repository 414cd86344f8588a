"""Autoscaler limits of a KubeRay cluster, asked by Ray's own client of an API server on the loopback.

The server knows the clusters of `clusters/kuberay`, and whoever shows a certificate; Kubernetes itself it is not.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = yaml.safe_load((ROOT / "clusters" / "kuberay" / "raycluster.yaml").read_text())
FIXED = {**CLUSTER, "spec": {**CLUSTER["spec"], "enableInTreeAutoscaling": False}}
PATH = "/apis/ray.io/v1/namespaces/research/rayclusters/"
KNOWN = {
    f"{PATH}{name}": {**one, "metadata": {"name": name, "namespace": "research"}}
    for name, one in (("atlas", CLUSTER), ("fixed", FIXED))
}
WORKER = {"CPU": 8, "GPU": 1, "memory": 32 * 2**30}
Ask = Callable[..., tuple[Any, str]]


class Api(BaseHTTPRequestHandler):
    """The API server: it knows the clusters `atlas` and `fixed` of the namespace `research`, and no others."""

    def do_GET(self) -> None:
        found = KNOWN.get(self.path)
        self.send_response(200 if found else 403)
        self.end_headers()
        self.wfile.write(json.dumps(found or {"reason": "Forbidden"}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a pod that may ask the API server."""
    folder, authority = tmp_path_factory.mktemp("certificates"), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    pod = authority.issue_cert("pod@research")
    authority.cert_pem.write_to_path(folder / "ca")
    pod.private_key_pem.write_to_path(folder / "key")
    pod.cert_chain_pems[0].write_to_path(folder / "certificate")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "namespace").write_text("research\n")
    yield {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT_HTTPS": str(server.server_port),
        "RAY_KUBERAY_CA_CERT_PATH": str(folder / "ca"),
        "RAY_KUBERAY_CLIENT_CERT_PATH": str(folder / "certificate"),
        "RAY_KUBERAY_CLIENT_KEY_PATH": str(folder / "key"),
        "NAMESPACE": str(folder / "namespace"),
    }
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(pod: dict[str, str]) -> Ask:
    """Ask from the pod: what nodes its cluster reaches (None: nobody knows), and what was logged."""
    script = (
        "import json, os; from pathlib import Path; from atlas.cluster.kuberay import kuberay_limits\n"
        "from atlas.cluster.limits import workers_of\n"
        "limits = kuberay_limits(Path(os.environ['NAMESPACE']))\n"
        "print(json.dumps(limits and workers_of(limits)))"
    )

    def run(**more: str) -> tuple[Any, str]:
        shell = {**os.environ, **pod, **more}  # Ray reads where Kubernetes is when it is imported
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=shell, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stderr

    return run


def test_the_cluster_of_kuberay_reaches_to_what_its_groups_allow(ask: Ask) -> None:
    found, _ = ask(RAY_CLUSTER_NAME="atlas")
    assert found == [WORKER] * (8 + 16)


def test_a_cluster_that_does_not_grow_has_no_limits(ask: Ask) -> None:
    assert ask(RAY_CLUSTER_NAME="fixed")[0] is None


@pytest.mark.parametrize("elsewhere", [{"RAY_CLUSTER_NAME": ""}, {"RAY_CLUSTER_NAME": "atlas", "NAMESPACE": "/none"}])
def test_outside_of_kuberay_nobody_is_asked(elsewhere: dict[str, str], ask: Ask) -> None:
    assert ask(**elsewhere, KUBERNETES_SERVICE_PORT_HTTPS="9") == (None, "")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"RAY_CLUSTER_NAME": "others"}, "403"),
        ({"RAY_CLUSTER_NAME": "atlas", "KUBERNETES_SERVICE_PORT_HTTPS": "9"}, "refused"),
    ],
)
def test_where_it_cannot_be_asked_that_is_logged_and_the_nodes_there_count(
    wrong: dict[str, str], why: str, ask: Ask
) -> None:
    found, logged = ask(**wrong)
    assert found is None
    assert "gives no limits of" in logged
    assert why in logged
