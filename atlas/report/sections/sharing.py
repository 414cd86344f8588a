"""The trainings that shared steps saved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from markupsafe import Markup

from atlas.report import figures
from atlas.report.canvas import inline_pair
from atlas.report.summary import Summary
from atlas.runtime.text import by_number, counted, duration


@dataclass(frozen=True, kw_only=True)
class SharingSection:
    """The counts of trainings in words, and their figure."""

    template: ClassVar[str] = "sharing.html"

    words: str
    figure: Markup


def sharing_section(summary: Summary) -> SharingSection:
    """The trainings of the sweep and what became of them."""
    return SharingSection(
        words=_older_words(summary) if summary.ledger.trainings is None else sharing_in_words(summary),
        figure=inline_pair(partial(figures.sharing, summary), "sharing"),
    )


def sharing_in_words(summary: Summary) -> str:
    """The counts as page and terminal say them: of all trainings where they were recorded, else of the trials alone."""
    ledger = summary.ledger
    if ledger.trainings is None:
        return (
            f"the trials took {counted(ledger.steps_trained + ledger.steps_reused, 'step')}; {ledger.steps_trained} "
            f"were trained now, {ledger.steps_reused} were there already. That saved {duration(ledger.seconds_saved)} "
            f"of training."
        )
    kept = f", {ledger.kept} kept from before the interruption" if ledger.kept else ""
    return (
        f"{counted(ledger.trainings, 'training')} without sharing: {ledger.trained} trained now, {ledger.found} found "
        f"in the store{kept}, {ledger.shared} shared within the sweep. That saved "
        f"{duration(ledger.seconds_saved)} of training."
        + (f" {counted(ledger.continued, 'update')} more were those of shorter stages." if ledger.continued else "")
    )


def _older_words(summary: Summary) -> str:
    """The counts of a summary that has those of the plan and of the trials alone."""
    plan, ledger = summary.plan, summary.ledger
    trainings, distinct = plan.trainings_without_sharing, counted(plan.distinct_steps, "distinct step")
    return (
        f"{counted(trainings, 'training')} {by_number(trainings, 'is', 'are')} {distinct}, of which "
        f"{plan.in_store} lay in the store already. {ledger.steps_trained} were trained in "
        f"{duration(ledger.seconds_trained)}; {counted(ledger.steps_reused, 'use')} of a step cost nothing and saved "
        f"{duration(ledger.seconds_saved)} of training."
    )
