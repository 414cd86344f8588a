"""What a summary reads of the store and of the backbone, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from atlas.backbones import families
from atlas.storage.artifact import Artifact
from atlas.storage.kept_reads import THREADS
from atlas.storage.store import Store
from atlas.sweep.summary import FinishedSweep, summarise


def reads_of(ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch, together: Mapping[str, Barrier]) -> Counter[Any]:
    """How often the summary reads what of the store; each read waits until those of its kind are all under way."""
    reads: Counter[Any] = Counter()

    def watch(method: str) -> None:
        made = getattr(Store, method)

        def read(store: Store, what: Artifact | str) -> Any:
            reads[method, what if isinstance(what, str) else what.key] += 1
            if method in together:
                together[method].wait(60.0)
            return made(store, what)

        patch.setattr(Store, method, read)

    with monkeypatch.context() as patch:
        for method in ("find", "tensor_shapes"):
            watch(method)
        summarise(replace(ended))
    return reads


def test_the_store_is_read_several_steps_at_a_time_and_each_step_once(
    ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read of a bucket waits for an answer: of 10,000 steps one after another those would take minutes."""
    reads = reads_of(ended, monkeypatch, {})
    kinds = Counter(method for method, _ in reads)
    assert set(reads.values()) == {1}
    assert 1 < kinds["tensor_shapes"] < kinds["find"] <= THREADS
    assert reads_of(ended, monkeypatch, {method: Barrier(count) for method, count in kinds.items()}) == reads


def test_the_backbones_configuration_is_read_once(ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    read = families.read_config

    def counted(folder: Path) -> Mapping[str, Any]:
        reads.append(folder)
        return read(folder)

    monkeypatch.setattr(families, "read_config", counted)
    summarise(replace(ended, inputs=replace(ended.inputs)))
    assert len(reads) == 1
