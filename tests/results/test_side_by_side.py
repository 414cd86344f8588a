"""Sweeps side by side: the options that differ, the best setting's figures, and a word where walks differ."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from atlas.cli import main
from atlas.report import leaderboard
from atlas.report.summary import Summary, summary_from
from atlas.results.side_by_side import different_walks, sweep_rows
from tests.report.conftest import invented_summary


def summary_of(backbone: str, *, trials: int = 4, sweep: str = "backbones-20260101-000000-aaaa") -> Summary:
    document = deepcopy(invented_summary(trials))
    document["settings"] |= {"backbone": backbone, "backbone_digest": backbone * 3}
    document["sweep"]["id"] = sweep
    return summary_from(document, "it")


def test_a_row_has_the_options_in_which_sweeps_differ_alone() -> None:
    one, two = sweep_rows([summary_of("vilt-tiny"), summary_of("vlm-tiny")])
    assert one.options == {"backbone": "vilt-tiny"}
    assert two.options == {"backbone": "vlm-tiny"}


def test_figures_are_means_over_orders() -> None:
    summary = summary_of("vilt-tiny")
    row, walks = sweep_rows([summary])[0], leaderboard(summary)
    assert row.orders == 4
    assert row.options == {}
    assert row.test == pytest.approx(np.mean([walk.test for walk in walks if walk.test is not None]))
    assert row.worst == pytest.approx(min(walk.val for walk in walks if walk.val is not None))
    assert row.forgetting == pytest.approx(np.mean([walk.forgetting for walk in walks if walk.forgetting is not None]))
    assert np.mean(list(row.tasks.values())) == pytest.approx(row.test)


def test_other_orders_are_told() -> None:
    assert not different_walks([summary_of("vilt-tiny"), summary_of("vlm-tiny")])
    assert different_walks([summary_of("vilt-tiny"), summary_of("vlm-tiny", trials=3)])


def write(storage: Path, number: int, backbone: str) -> None:
    sweep = f"backbones-2026010{number}-000000-aaaa"
    document = summary_of(backbone, sweep=sweep).model_dump(mode="json", by_alias=True, exclude_unset=True)
    (storage / "sweeps" / sweep).mkdir(parents=True)
    (storage / "sweeps" / sweep / "summary.json").write_text(json.dumps(document))


def test_all_of_a_name_are_shown_in_one_table(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, backbone in enumerate(("vilt-tiny", "clip-tiny", "vlm-tiny"), 1):
        write(storage, number, backbone)
    main(["show", "--all", "backbones"])
    shown = capsys.readouterr().out
    assert [shown.count(name) for name in ("vilt-tiny", "clip-tiny", "vlm-tiny")] == [1, 1, 1]
    assert "different things" not in shown
    main(["show", "--all", "backbones", "backbones"])
    assert capsys.readouterr().out == shown  # a sweep that is named twice is one


def test_a_name_without_a_sweep_is_refused(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(storage, 1, "vilt-tiny")
    with pytest.raises(SystemExit):
        main(["show", "--all", "backbone"])
    assert "backbones" in capsys.readouterr().err
