"""The means to run the sweep again: its command, settings, versions and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from atlas.report.formats import seeds
from atlas.report.summary import Summary
from atlas.report.use_command import use_command

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class RerunSection:
    """The command, that which uses the winner, and (name, value) of the shared settings, the packages and the data."""

    template: ClassVar[str] = "rerun.html"

    command: str
    use: str
    settings: Pairs
    versions: Pairs


def rerun_section(summary: Summary) -> RerunSection:
    """The command and what else the results depend on."""
    data = ((name, f"{task.fingerprint[:16]}… ({_counts(task.counts)})") for name, task in summary.tasks.items())
    return RerunSection(
        command=summary.sweep.command,
        use=use_command(summary),
        settings=(*((name, str(value)) for name, value in summary.settings.items()), ("seeds", seeds(summary))),
        versions=(*summary.versions.items(), *data),
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in counts.items())
