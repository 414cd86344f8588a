from __future__ import annotations

from pathlib import Path

import pytest

from atlas.learners import HeadStage, Schedule, stage_from
from atlas.report.summary import FusionWeights
from atlas.sweep.fusion_weights import NoWeights
from atlas.sweep.fusion_weights_job import _weights, await_fusion_weights
from atlas.sweep.summary import FinishedSweep, summarise


def test_a_sweep_without_a_best_trial_has_none() -> None:
    assert await_fusion_weights(None, timeout=1.0) == ((), "")


def test_what_keeps_them_from_being_drawn_is_said(ended: FinishedSweep) -> None:
    found, missing = _weights(summarise(ended), Path(ended.inputs.store_uri).parent, stages={})
    assert found == ()
    assert "prepare it again with `atlas prepare" in missing


def test_a_learner_without_adapters_needs_no_excuse(ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NoWeights("it has no adapter")

    monkeypatch.setattr("atlas.sweep.fusion_weights.sweep_fusion_weights", refuse)
    assert _weights(summarise(ended), Path("nowhere"), stages={}) == ((), "")


@pytest.mark.parametrize(
    ("means", "shown"),
    [
        ([[1.0], [1.0]], False),
        ([[1.0, 1.0], [1.0, 1.0]], False),
        ([[0.3, 0.7], [0.3, 0.7]], False),
        ([[0.3, 0.7], [0.4, 0.6]], True),
    ],
)
def test_weights_that_nobody_learnt_are_not_shown(
    means: list[list[float]], shown: bool, ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tuple(
        FusionWeights(
            step="s",
            task="digits",
            seed=0,
            split="val",
            records=8,
            sites=("one", "two"),
            adapters=("digits", "easy-vqa")[: len(mean[0])],
            mean=tuple(map(tuple, mean)),
        )
        for mean in ([[1.0], [1.0]], means)
    )
    monkeypatch.setattr("atlas.sweep.fusion_weights.sweep_fusion_weights", lambda *_: found)
    assert _weights(summarise(ended), Path("nowhere"), stages={}) == (found if shown else (), "")


def test_stages_of_ones_own_are_known_where_the_weights_are_computed(
    ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas.sweep.fusion_weights.sweep_fusion_weights", lambda *_: ())
    _weights(summarise(ended), Path("nowhere"), stages={"own-kind": HeadStage})
    found = stage_from({**HeadStage(schedule=Schedule(steps=1)).settings(), "kind": "own-kind"})
    assert isinstance(found, HeadStage)
