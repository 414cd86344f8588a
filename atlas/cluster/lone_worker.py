"""A fleet of a single worker under Ray Train, without the actor at which the workers of a fleet wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.train.v2._internal.execution.callback import ControllerCallback

if TYPE_CHECKING:
    from ray import ObjectRef


class LocalMethod:
    """A remote method that is answered where it is called, with the data it is given."""

    def remote(self, *_: object, data: object = None, **__: object) -> ObjectRef:
        """Ray's promise of the data."""
        import ray

        return ray.put(data)


class LoneSynchronization:
    """Stand-in for Ray Train's SynchronizationActor: a single worker waits for nobody, and agrees with itself."""

    broadcast_from_rank_zero = set_required_ranks = reset = LocalMethod()

    @classmethod
    def options(cls, **_: object) -> type[LoneSynchronization]:
        """The class: there is no process whose options matter."""
        return cls

    @classmethod
    def remote(cls, **_: object) -> LoneSynchronization:
        """One, in this process, and in each that it is sent to."""
        return cls()


class LoneWorker(ControllerCallback):
    """Has a run's controller start no synchronization actor: a process less, which imports Ray Train."""

    def after_controller_start(self, train_run_context: object) -> None:
        """Put the stand-in into the controller's process, which lasts as long as its run."""
        from ray.train.v2._internal.execution.worker_group import state, worker_group

        parts: Any = (worker_group, state)
        end_actor = parts[1]._shutdown_sync_actor
        parts[0].SynchronizationActor = LoneSynchronization
        parts[1]._shutdown_sync_actor = lambda actor: (
            None if isinstance(actor, LoneSynchronization) else end_actor(actor)
        )
