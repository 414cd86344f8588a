"""The command that compares a sweep with those of its name on other backbones."""

from __future__ import annotations

import json
from pathlib import Path

from atlas.config.options import Options
from atlas.sweep.compare_command import compare_command
from atlas.sweep.folder import SweepFolder
from atlas.sweep.summary import FinishedSweep
from tests.report.conftest import invented_summary
from tests.sweep.parts import run_of


def test_it_is_said_where_another_backbone_s_sweep_has_ended(ended: FinishedSweep, tmp_path: Path) -> None:
    run = run_of(ended, tmp_path / "storage")
    storage, name = run.folder.path.parents[1], run.experiment.sweep.name
    run.folder.write_options(run.experiment.options)
    for started, backbone, over in ((name, "vilt-tiny", True), (f"{name}-own", "clip-tiny", True), (name, "b", False)):
        folder = SweepFolder.new(storage, started, Options.of(backbone=backbone))
        if over:
            folder.summary.write_text(json.dumps(invented_summary(0)))
    assert compare_command(run) == ""  # the same backbone, another sweep, one that has not ended
    other = SweepFolder.new(storage, name, Options.of(backbone="clip-tiny"))
    other.summary.write_text(json.dumps(invented_summary(0)))
    assert compare_command(run) == f"atlas show --all {name} --storage {run.experiment.options.storage.path}"
