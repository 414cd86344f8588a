"""Entries of the store damaged on the disk: the next sweep finds them, moves them aside and trains them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.commands import SMALL, lines_in, run
from tests.e2e.storages import committed, matrices, summaries
from tests.losses import Losses

pytestmark = pytest.mark.slow


def test_entries_altered_and_cut_short_are_found_moved_aside_and_trained_again(
    quiet: Path, learnt: Path, losses: Losses
) -> None:
    (summary,) = summaries(quiet)
    first = summary["trials"][0]["step_keys"][0]
    last = summary["trials"][0]["step_keys"][-1]
    short = summary["trials"][1]["step_keys"][-1]
    for path in learnt.glob(f"store/steps/*/{first}/*/adapter/adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:-4] + b"oops")
    for path in learnt.glob(f"store/steps/*/{short}/*/adapter/adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:100])
    for path in learnt.glob(f"store/steps/*/{last}/commit.json"):
        path.unlink()
    run(*SMALL, "--fleets", "1", *lines_in(learnt), storage=learnt, **losses.shell)
    assert list(learnt.glob(f"store/aside/{first}*"))
    assert list(learnt.glob(f"store/aside/{short}*"))
    assert matrices(summaries(learnt)[-1]) == matrices(summaries(quiet)[0])
    again = losses.begun()
    assert again == 3
    losses.note("store entry altered, cut short, marker gone", begun=len(committed(quiet)) + again, lost=again)
