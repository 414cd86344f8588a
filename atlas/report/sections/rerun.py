"""The means to use the winner and to run the sweep again: commands, the values used, versions and data."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import JsonValue

from atlas.report.formats import number, seeds
from atlas.report.settings import is_settings_sweep, value_text
from atlas.report.summary import Summary, SweepFacts
from atlas.report.use_command import use_command
from atlas.runtime.redact import redacted

Pairs = tuple[tuple[str, str], ...]
OF_THE_LEARNER = ("steps", "batch_size", "learning_rate", "precision")  # options that a learner gives values of its own
NOT_GIVEN: tuple[JsonValue, ...] = (None, "", False, [])


@dataclass(frozen=True, kw_only=True)
class RerunSection:
    """The sweep's command, and (name, value) of the shared settings, the packages and the data.

    `use` and `take` are for the winner: the command that uses it, and those that open, load, export and serve its
    model; `runs`: and those that show the runs.
    `order`: the winner is an order, not a setting. `next`: (why and cost, command) of what to try next.
    """

    template: ClassVar[str] = "rerun.html"

    command: str
    use: str
    order: bool
    take: Pairs
    next: Pairs
    runs: bool
    settings: Pairs
    versions: Pairs


def rerun_section(summary: Summary) -> RerunSection:
    """The commands, and what else the results depend on."""
    data = ((name, f"{task.fingerprint[:16]}… ({_counts(task.counts)})") for name, task in summary.tasks.items())
    return RerunSection(
        command=summary.sweep.command,
        use=use_command(summary),
        order=not is_settings_sweep(summary),
        take=_take(summary),
        next=tuple((f"{one.why}: {one.cost}", one.command) for one in summary.next),
        runs=bool(summary.sweep.view),
        settings=(*values_used(summary).items(), ("seeds", seeds(summary))),
        versions=(*summary.versions.items(), *data),
    )


def values_used(summary: Summary) -> dict[str, str]:
    """Option → its value, of those that have one: what was left to the learner or the sweep is what they took.

    A sweep that tries several settings shows those of its best trial.
    """
    given = dict(summary.settings)
    given.pop("seeds", None)
    for name in OF_THE_LEARNER:
        if given.get(name) in (None, "auto") and (found := _of_learner(summary, name)):
            given[name] = found
    if given.get("trials") is None:
        given["trials"] = summary.plan.trials
    return {name: _text(value) for name, value in given.items() if value not in NOT_GIVEN}


def _of_learner(summary: Summary, name: str) -> str:
    """The values of an option in the stages of the best trial's learner, `100` or `50 and 100`; empty without any."""
    settings = summary.best.learner if summary.best is not None else {}
    stages = [stage for stage in settings.values() if isinstance(stage, dict) and name in stage]
    values = dict.fromkeys(value_text(stage[name]) for stage in stages)
    return " and ".join(values) + (" (best trial)" if values and is_settings_sweep(summary) else "")


def _take(summary: Summary) -> Pairs:
    """What opens the best trial's model and the sweep's runs, each a line to copy."""
    sweep, storage = summary.sweep, str(summary.settings.get("storage") or "")
    if summary.best is None:
        return _runs(sweep)
    where = f", storage={storage!r}" if storage else ""
    export = shlex.join(["atlas", "store", "export", sweep.id, "model", *(["--storage", storage] if storage else [])])
    rows = [
        ("in Python", f"import atlas; model = atlas.open({sweep.id!r}{where}).model()"),
        ("as a PEFT folder", export),
    ]
    return (*rows, *_registered(sweep, smoke=summary.settings.get("smoke") is True), *_runs(sweep))


def _registered(sweep: SweepFacts, *, smoke: bool) -> Pairs:
    """What loads and serves the registered model; a very small run is never the champion, and has a version alone."""
    if not sweep.model:
        return ()
    which, name = ("latest version", "/latest") if smoke else ("champion", "@champion")
    source = f"models:/{sweep.model}{name}"
    where = redacted(sweep.tracking_uri)
    connect = f"mlflow.set_tracking_uri({where!r}); " if where else ""
    serve = shlex.join(["mlflow", "models", "serve", "-m", source, "--env-manager", "local", "--port", "5001"])
    environment = f"MLFLOW_TRACKING_URI={shlex.quote(where)} " if where else ""
    return (
        (f"the {which} of {sweep.model}", f"import mlflow; {connect}model = mlflow.pyfunc.load_model({source!r})"),
        ("the same, served", environment + serve),
    )


def _runs(sweep: SweepFacts) -> Pairs:
    """The lines of a view: a command or an address, and the address to open after a command."""
    lines = redacted(sweep.view).splitlines()
    return tuple(zip(("the runs", *["then open"] * len(lines)), lines, strict=False))


def _text(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return number(value) if isinstance(value, float) and value >= 1 else value_text(value)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in counts.items())
