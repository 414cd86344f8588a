"""The command that compares a sweep with those of its name on other backbones, of which each has its own sweep."""

from __future__ import annotations

from atlas.runtime.console import shell
from atlas.runtime.errors import UserError
from atlas.sweep.folder import SweepFolder
from atlas.sweep.sweep_run import SweepRun


def compare_command(run: SweepRun) -> str:
    """`atlas show --all backbones`, where the storage has a sweep of that name on another backbone; else empty."""
    name, options = run.experiment.sweep.name, run.experiment.options
    known = {backbone for folder in run.folder.alike(name) if (backbone := _backbone(folder))}
    if not known - {_backbone(run.folder)}:
        return ""
    return shell("atlas", "show", "--all", name, "--storage", options.storage.path)


def _backbone(folder: SweepFolder) -> str:
    """That of a sweep, as its folder keeps it; empty where the options are of a version that is not read."""
    try:
        return folder.options().training.backbone
    except UserError:
        return ""
