"""The broker of one sweep, as its driver starts it, asks it and ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from atlas.cluster.actor_calls import log_failure
from atlas.cluster.connect import NAMESPACE
from atlas.execution.allowance import Allowance
from atlas.execution.broker_client import BrokerClient
from atlas.execution.status import BrokerStatus
from atlas.steps.step import Step

ANSWER_SECONDS = 10.0
ANTICIPATE_SECONDS = 60.0  # for each call: who supervises must not wait for ever


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

    def anticipate(self, steps: Sequence[Step]) -> None:
        """Queue steps before they are requested. Raises TimeoutError after `ANTICIPATE_SECONDS` without an answer."""
        replace(self.client, timeout=ANTICIPATE_SECONDS).anticipate(steps)

    def give_up(self, reason: str) -> None:
        """Fail every unfinished step, without waiting."""
        log_failure(self.client.give_up(reason), "telling the broker that no fleet is left")

    def kill(self) -> None:
        """End it for good, so that everything that waits for it fails."""
        import ray

        ray.kill(self.client.actor)
