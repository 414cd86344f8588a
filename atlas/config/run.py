"""Options of a run: they decide how the sweep is carried out, not what it measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

from atlas.config.budget import budget_from
from atlas.runtime.errors import UserError

LATEST = "latest"
_RESUME: PrimitiveConstructorSpec[str | None] = PrimitiveConstructorSpec(
    nargs=(0, 1),
    metavar="[SWEEP]",
    instance_from_str=lambda words: words[0] if words else LATEST,
    is_instance=lambda value: value is None or isinstance(value, str),
    str_from_instance=lambda value: [value] if value else [],
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Running, resuming and saving the sweep."""

    sharing: Annotated[bool, arg(help_behavior_hint="")] = True
    """Train every step of every trial, also where another trial has trained it."""
    dry_run: bool = False
    """Print the plan and stop."""
    smoke: bool = False
    """A very small run, to see that everything works."""
    resume: Annotated[str | None, _RESUME, arg(help_behavior_hint="")] = None
    """Continue an interrupted sweep: the latest, or the one that is named."""
    changed: bool = False
    """With --resume: go on although the sweep's file, or the number of its trials, has changed."""
    budget: Annotated[str | None, arg(metavar="BUDGET", help_behavior_hint="")] = None
    """End once that much is spent, over all runs of the sweep: 8h, 200gpu-h or 500steps."""

    def __post_init__(self) -> None:
        """Raises UserError for a budget that is none, and an empty name, such as an unset variable of a shell: it would
        start a new sweep."""
        budget_from(self.budget)
        if self.resume is not None and not self.resume.strip():
            raise UserError(
                "--resume is given an empty text; name a sweep, or give --resume alone for the latest one that was "
                "interrupted."
            )
