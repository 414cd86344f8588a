"""A recorded run: the summary of its sweep, and the trials to reproduce."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlas.backbones.base import revisions_of
from atlas.config.options import GROUP_OF, Options
from atlas.config.options_file import options_from
from atlas.config.shipped import find_shipped
from atlas.report.summary import BACKBONE_DIGEST, Summary, TrialRow
from atlas.runtime.errors import UserError, unknown
from atlas.steps.step import StepInputs
from atlas.sweep.inputs import evaluation_of


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """`trials` are the walks to reproduce: all of the summary, or those of one `part` (a trial's id).

    `storages` are folders where its prepared data may lie. `own` are the user-defined tasks, and `learner` the
    user-defined learner, if any: the addresses `FILE.py:NAME`.
    """

    summary: Summary
    trials: tuple[TrialRow, ...]
    part: str = ""
    storages: tuple[Path, ...] = ()
    own: tuple[str, ...] = ()
    learner: str = ""
    options: Options = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", _options(self.summary))
        if not self.groups:
            raise UserError(f"the run {self.name} has trained nothing that could be compared: no trial took a step.")

    @property
    def name(self) -> str:
        """The sweep's id, and the trial's where it is one."""
        sweep = self.summary.sweep.id
        return f"{sweep}/{self.part}" if self.part else sweep

    @property
    def command(self) -> list[str]:
        """The file and its arguments, as they were given; of a shipped sweep its file here.

        Raises UserError where it is no command of a file, or of a sweep that is not shipped any more.
        """
        words = shlex.split(self.summary.sweep.command)
        if words[:2] == ["atlas", "sweep"] and len(words) > 2:
            return [str(find_shipped(words[2])), *words[3:]]
        if len(words) < 2:
            raise UserError(f"the command {self.summary.sweep.command!r} names no sweep's file; give --file.")
        return words[1:]

    @property
    def groups(self) -> list[list[TrialRow]]:
        """The walks by trial, of those trials that took a step."""
        found: dict[str, list[TrialRow]] = {}
        for row in self.trials:
            found.setdefault(trial_of(row), []).append(row)
        return [rows for rows in found.values() if any(row.step_keys for row in rows)]

    @property
    def left_out(self) -> int:
        """The number of trials that took no step."""
        return len({trial_of(row) for row in self.trials}) - len(self.groups)

    @property
    def fingerprints(self) -> dict[str, str]:
        """The digest of each task's data."""
        return {name: task.fingerprint for name, task in self.summary.all_tasks.items()}

    @property
    def step_inputs(self) -> StepInputs:
        """The inputs that its steps have in common, as recorded."""
        return StepInputs(
            backbone=self.summary.backbone_digest,
            data=self.fingerprints,
            evaluation=evaluation_of(self.options.training),
            templates={name: task.templates for name, task in self.summary.all_tasks.items() if task.templates},
            revisions=revisions_of(self.options.training.backbone),
            weights=self.options.cluster.weights,
        )

    def narrowed(self, trial: str) -> RecordedRun:
        """The same with one trial alone. Raises UserError where it has no such trial."""
        rows = tuple(row for row in self.trials if trial in (row.id, trial_of(row)))
        if not rows:
            raise unknown(f"trial of {self.name}", trial, {trial_of(row) for row in self.trials})
        whole = trial_of(rows[0])
        return replace(self, part=whole, trials=tuple(row for row in self.trials if trial_of(row) == whole))

    def with_step(self, key: str) -> RecordedRun:
        """The same with the first trial that took the step. Raises UserError where none did."""
        for row in self.trials:
            if key in row.step_keys:
                return self.narrowed(row.id)
        raise UserError(
            f"no trial of {self.name} took the step {key[:12]}: it is a reference, or of another sweep; "
            f"reproduce the whole sweep, which trains its references, too."
        )


def trial_of(row: TrialRow) -> str:
    """The id of the trial that a walk belongs to."""
    return row.id.partition(".")[0]


def settings_key(row: TrialRow) -> str:
    """The settings of a walk's trial, as text to compare by."""
    return json.dumps(row.settings, sort_keys=True)


def _options(summary: Summary) -> Options:
    """The recorded settings as options. Raises UserError where this version of atlas cannot read them."""
    settings = {name: value for name, value in summary.settings.items() if name != BACKBONE_DIGEST}
    if strange := sorted(settings.keys() - GROUP_OF.keys()):
        raise UserError(
            f"this version of atlas does not know the recorded settings {', '.join(strange)}; use the version that "
            f"the run was made with."
        )
    return options_from(settings, Options(), source="the recorded settings")
