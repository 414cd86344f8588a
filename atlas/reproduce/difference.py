"""Differences between a recorded run and this version of atlas on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atlas.backbones import digest, locate
from atlas.report.summary import MachineFacts, Provenance
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import STEADY, RunReplay
from atlas.runtime.digest import file_sha256
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.text import counted
from atlas.sweep.provenance import code_digest, machine, versions

NUMERIC = ("torch", "transformers", "peft")  # packages that decide the last bits of a score
SUMS = ("workers_per_fleet", STEADY, "cpus_per_worker")  # settings that decide the order of summation
SHOWN = 12
Weight = Literal["refused", "inexact", "told"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`weight`: the run is refused; or no longer expected to be equal to the last bit; or it is only told."""

    what: str
    recorded: str
    here: str
    weight: Weight = "told"


def differences(recorded: RecordedRun, replay: RunReplay) -> list[Difference]:
    """Everything but the data, which may have to be prepared first (see `of_data`)."""
    return [
        *of_versions(recorded.summary.versions),
        *of_origin(recorded.summary.origin, replay.file),
        *of_settings(recorded, replay),
        *of_backbone(recorded),
    ]


def of_versions(recorded: Mapping[str, str]) -> list[Difference]:
    """Packages of another version, or not recorded."""
    found = []
    for name, here in versions().items():
        seen = recorded.get(name, "not recorded")
        if seen != here:
            found.append(_difference(name, seen, here, "inexact" if name in NUMERIC else "told"))
    return found


def of_origin(recorded: Provenance | None, file: Path) -> list[Difference]:
    """Another kind of machine, another version of atlas or of the sweep's file."""
    if recorded is None:
        return [_difference("machine", "not recorded", _words(machine()), "inexact")]
    found = []
    if (here := machine()) != recorded.machine or here.joined:
        found.append(_difference("machine", _words(recorded.machine), _words(here), "inexact"))
    if recorded.code != code_digest():
        found.append(_difference("code of atlas", recorded.code[:SHOWN], code_digest()[:SHOWN]))
    if recorded.file_digest not in ("", seen := file_sha256(file)):
        found.append(_difference(f"file {file}", recorded.file_digest[:SHOWN], seen[:SHOWN]))
    return found


def of_settings(recorded: RecordedRun, replay: RunReplay) -> list[Difference]:
    """Settings that were not recorded, and cluster options that decide the order of summation."""
    found = []
    here = replay.options.flat()
    for name, was in recorded.options.flat().items():
        now = here[name]
        if name in SUMS and was != now:
            found.append(_difference(name, str(was), str(now), "inexact"))
        elif name == "fleets" and was != now:
            found.append(_difference(name, str(was), str(now)))
        elif name not in (*recorded.summary.settings, STEADY):
            found.append(_difference(name, "not recorded", f"{now} (the default)"))
    return found


def of_backbone(recorded: RecordedRun) -> list[Difference]:
    """A backbone of other weights, or none of that name. Raises nothing: what is wrong with it is the difference."""
    name, was = recorded.options.training.backbone, recorded.summary.backbone_digest
    try:
        seen = digest(locate(name))
    except AtlasError as error:
        return [_difference(f"backbone {name}", was[:SHOWN], str(error), "refused")]
    return [] if seen == was else [_difference(f"backbone {name}", was[:SHOWN], seen[:SHOWN], "refused")]


def of_data(recorded: Mapping[str, str], here: Mapping[str, str]) -> list[Difference]:
    """Tasks whose prepared data has another fingerprint."""
    return [
        _difference(f"data of {task}", was[:SHOWN], here[task][:SHOWN], "refused")
        for task, was in recorded.items()
        if task in here and here[task] != was
    ]


def refuse(found: list[Difference]) -> None:
    """Raises UserError where any of them makes it another experiment."""
    if wrong := [one for one in found if one.weight == "refused"]:
        told = "; ".join(f"{one.what}: recorded {one.recorded}, here {one.here}" for one in wrong)
        raise UserError(f"this would be another experiment, and nothing was trained. {told}.")


def _difference(what: str, recorded: str, here: str, weight: Weight = "told") -> Difference:
    return Difference(what=what, recorded=recorded, here=here, weight=weight)


def _words(kind: MachineFacts) -> str:
    gpus = ", ".join(kind.gpus) or "no GPU"
    return f"{kind.processor}, {counted(kind.cpus, 'CPU')}, {gpus}" + (", a cluster" if kind.joined else "")
