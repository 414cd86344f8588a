"""The broker of one sweep, as its driver starts it, asks it and ends it."""

from __future__ import annotations

from atlas.cluster.actor_calls import log_failure
from atlas.cluster.connect import NAMESPACE
from atlas.execution.allowance import Allowance
from atlas.execution.broker_client import BrokerClient
from atlas.execution.status import BrokerStatus

ANSWER_SECONDS = 10.0


class BrokerActor:
    """A named broker on the cluster, which Ray restarts where it dies."""

    def __init__(self, name: str, store_uri: str, owner: str) -> None:
        """Start it, without waiting. It leases nothing before it is allowed to, after each restart again."""
        self.client = BrokerClient.start(store_uri, owner, name=name, namespace=NAMESPACE, allowance=None)

    def close(self) -> None:
        """Have it lease no more steps, without waiting; it may be closed twice."""
        log_failure(self.client.close(), "closing the broker")

    def status(self) -> BrokerStatus:
        """Its status. Raises TimeoutError where it does not answer within `ANSWER_SECONDS`."""
        return self.client.status(timeout=ANSWER_SECONDS)

    def allow(self, allowance: Allowance) -> None:
        """Have it lease steps on these terms, without waiting."""
        log_failure(self.client.allow(allowance), "telling the broker what it may lease")

    def give_up(self, reason: str) -> None:
        """Fail every unfinished step, without waiting."""
        log_failure(self.client.give_up(reason), "telling the broker that no fleet is left")

    def kill(self) -> None:
        """End it for good, so that everything that waits for it fails."""
        import ray

        ray.kill(self.client.actor)
