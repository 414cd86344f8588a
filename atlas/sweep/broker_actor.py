"""The broker of one sweep, as its driver starts it, asks it and ends it."""

from __future__ import annotations

from typing import Any

from atlas.cluster.actor_calls import log_failure
from atlas.cluster.connect import NAMESPACE
from atlas.execution.broker import Broker
from atlas.execution.status import BrokerStatus

ANSWER_SECONDS = 10.0


class BrokerActor:
    """A named broker on the cluster, which Ray restarts where it dies. A context manager that closes it."""

    def __init__(self, name: str, store_uri: str, owner: str) -> None:
        """Start it, without waiting."""
        import ray

        options = {"name": name, "namespace": NAMESPACE, "num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        self.handle: Any = ray.remote(Broker).options(max_concurrency=1000, **options).remote(store_uri, owner)

    def __enter__(self) -> BrokerActor:
        return self

    def __exit__(self, *_: object) -> None:
        log_failure(self.handle.close.remote(), "closing the broker")

    def status(self) -> BrokerStatus:
        """Its status. Raises TimeoutError where it does not answer within `ANSWER_SECONDS`."""
        import ray

        try:
            status: BrokerStatus = ray.get(self.handle.status.remote(), timeout=ANSWER_SECONDS)
        except ray.exceptions.GetTimeoutError as error:
            raise TimeoutError(f"no status within {ANSWER_SECONDS:.0f} s") from error
        return status

    def give_up(self, reason: str) -> None:
        """Fail every unfinished step, without waiting."""
        log_failure(self.handle.give_up.remote(reason), "telling the broker that no fleet is left")

    def kill(self) -> None:
        """End it for good, so that everything that waits for it fails."""
        import ray

        ray.kill(self.handle)
