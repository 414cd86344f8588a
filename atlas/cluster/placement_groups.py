"""Placement groups whose maker has died."""

from __future__ import annotations

from typing import Any


def free_orphaned_groups() -> int:
    """Remove the placement groups of this job whose maker has died; gives their number.

    Ray keeps a group until its job ends where only the actor that made it was killed, such as a fleet's controller;
    Ray Train's own cleaner asks the dashboard, which a cluster of one's own has not.
    """
    import ray
    from ray._private.state import state
    from ray.core.generated import gcs_pb2
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    Group: Any = vars(gcs_pb2)["PlacementGroupTableData"]  # made at import, so that no type checker knows it
    groups = [Group.FromString(text) for text in state._connect_and_get_accessor().get_placement_group_table()]
    job = ray.get_runtime_context().get_job_id()
    orphans = [
        group
        for group in groups
        if group.creator_actor_id.strip(b"\xff")
        and group.creator_actor_dead
        and group.creator_job_id.hex() == job
        and group.state != Group.REMOVED
    ]
    for group in orphans:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
    return len(orphans)
