"""Placement groups whose creator has died."""

from __future__ import annotations

from atlas.cluster.ray_internals import placement_groups


def free_orphaned_groups() -> int:
    """Remove the placement groups of this job whose creator has died; returns their number.

    Ray keeps a group until its job ends where only the actor that made it was killed, such as a fleet's controller;
    Ray Train's own cleaner asks the dashboard, which a cluster of one's own has not.
    """
    import ray
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    job = ray.get_runtime_context().get_job_id()
    orphans = [group for group in placement_groups() if group.job == job and group.is_orphan]
    for group in orphans:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.id)))
    return len(orphans)
