"""The lineage of a stored step: all it builds on, the oldest first."""

from __future__ import annotations

from atlas.maintenance.inventory import Item
from atlas.runtime.errors import UserError
from atlas.steps.step import RECIPE, Step, step_from


def lineage(item: Item) -> list[Step]:
    """The steps that `item` builds on, itself last.

    Raises:
        UserError: its facts describe no step, or one that has another key by now.
    """
    description = item.entry.result.step
    if description is None:
        raise UserError(f"the entry {item.key} does not say which step it is; it was not written by a sweep.")
    step = step_from(description)
    if step.key != item.key:
        raise UserError(
            f"the step {item.key[:12]} was trained by another version of atlas (this one has recipe {RECIPE}), so that "
            f"the keys of what it builds on are not known here; use the version that trained it."
        )
    return list(step.chain())


def parts_of(steps: list[Step]) -> dict[str, str]:
    """Task → key of the last of its stages among `steps`: what the model after them is made of, in order."""
    return {step.task: step.key for step in steps}
