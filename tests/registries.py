"""What a process knows of users' own files: a test that leaves its own there makes others depend on their order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

REGISTRIES = (
    ("atlas.learners.user_learner", "USER_LEARNERS"),
    ("atlas.learners.user_learner", "USER_STAGES"),
    ("atlas.tasks.user_task", "USER_TASKS"),
)


@contextmanager
def restored() -> Iterator[None]:
    """Afterwards, own learners, stages and tasks are those that were known before."""
    before = [dict(registry) for registry in _registries()]
    yield
    for registry, known in zip(_registries(), before, strict=True):
        registry.clear()
        registry.update(known)


def _registries() -> Iterator[dict[str, Any]]:
    """The registries; one whose module nothing has imported yet is empty."""
    for module, name in REGISTRIES:
        yield getattr(sys.modules.get(module), name, {})
