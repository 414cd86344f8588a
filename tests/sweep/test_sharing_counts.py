"""Every count of sharing of a sweep is of one population, wherever it is said."""

from __future__ import annotations

import html
import io
from dataclasses import replace

import pytest
from rich.console import Console

from atlas.maintenance.inventory import inventory
from atlas.report import render_page
from atlas.report.sections.sharing import sharing_in_words
from atlas.report.summary import Summary, document_of, summary_from
from atlas.sweep.summary import FinishedSweep, summarise
from atlas.sweep.terminal import print_sharing


def assert_said_alike(summary: Summary) -> None:
    """The counts of sharing on the page, in its tiles and sentence, in the terminal and in `summary.json`."""
    ledger, words = summary.ledger, sharing_in_words(summary)
    page, console = html.unescape(render_page(summary)), Console(record=True, width=400, file=io.StringIO())
    print_sharing(console, summary)
    assert ledger.shared is not None
    assert f"{ledger.trained} trained now, {ledger.found} found in the store" in words
    assert words in page
    assert words in console.export_text()
    assert f"{ledger.found + ledger.shared} of {ledger.trainings}" in page
    assert summary_from(document_of(summary), "it").ledger == ledger


@pytest.mark.parametrize("came", ["trained", "kept", "found"])
def test_every_count_of_sharing_is_of_one_population(ended: FinishedSweep, came: str) -> None:
    """All steps of the trials, the references and the bare probes, whether this run trained them, an earlier run of the
    same sweep before it was interrupted, or another sweep: the same on the page, in the terminal and in the store."""
    runs = {item.entry.result.run for item in inventory(ended.inputs.store)}
    own = {
        "trained": ended,
        "kept": replace(ended, run="now", earlier=frozenset(runs)),
        "found": replace(ended, run="now"),
    }[came]
    summary = summarise(own)
    ledger = summary.ledger
    stored = len(list(inventory(ended.inputs.store)))
    assert ledger.trained + ledger.kept + ledger.found == stored
    assert ledger.trainings == sum(len(row.step_keys) for row in summary.trials) + len(summary.reference_keys or ())
    assert ledger.shared == ledger.trainings - stored
    if came != "trained":
        assert {"kept": ledger.kept, "found": ledger.found}[came] == stored
    assert_said_alike(summary)


def test_an_interrupted_sweep_counts_what_was_trained_before_a_trial_came_to_it(ended: FinishedSweep) -> None:
    first = replace(ended.trials[0], status="KILLED", steps=[ended.trials[0].steps[0][:1]])
    walks = [walk for record in ended.trials for walk in record.walks]
    stopped = ended.sweep.model_copy(update={"status": "KILLED"})
    cut = replace(ended, trials=[first], foreseen=walks, sweep=stopped)
    summary = summarise(cut)
    stored = len(list(inventory(ended.inputs.store)))
    ledger = summary.ledger
    assert (ledger.trained, ledger.found, ledger.kept) == (stored, 0, 0)
    assert ledger.trainings == stored + 1  # the one step that a trial took is a reference's, too
    assert_said_alike(summary)
    others = summarise(replace(cut, run="now")).ledger  # another sweep trained them: this one did not ask for them
    assert others.trained == 0
    assert others.found < stored
