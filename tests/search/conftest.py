"""A Ray of this machine with a broker that trains nothing."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from atlas.cluster.ray_internals import bare_node
from tests.search.instant import NAMESPACE, InstantBroker


@pytest.fixture(scope="package")
def cluster() -> Iterator[None]:
    logs = Path("/tmp") / f"ray-{secrets.token_hex(3)}"  # its sockets lie there, whose paths must be short
    logs.mkdir()
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("RAY_TMPDIR", str(logs))
        with bare_node():
            ray.init(address="local", namespace=NAMESPACE, num_cpus=2, include_dashboard=False, log_to_driver=False)
        broker = ray.remote(InstantBroker).options(name="instant", num_cpus=0, max_concurrency=20).remote()
        yield
        ray.kill(broker)
        ray.shutdown()
    shutil.rmtree(logs, ignore_errors=True)
