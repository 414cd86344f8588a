from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import StepFacts, Tracker, default_tracking_uri, initialise


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One SQLite database for the session (setting one up takes seconds); tests use experiments of their own."""
    uri = default_tracking_uri(tmp_path_factory.mktemp("mlflow"))
    initialise(uri, "first")
    return uri


@pytest.fixture
def open_tracker(initialised: str, tmp_path: Path) -> Iterator[Callable[..., Tracker]]:
    """Opens trackers over one journal, and closes them."""
    opened: list[Tracker] = []

    def build(uri: str = initialised, spool: str = "spool") -> Tracker:
        opened.append(Tracker(uri, tmp_path.name, tmp_path / spool))
        return opened[-1]

    yield build
    for tracker in opened:
        if tracker.is_open:
            tracker.close(timeout=0.0)


@pytest.fixture
def step_facts(tmp_path: Path) -> Callable[..., StepFacts]:
    """The facts of a step as a sweep tells them, adapter folder included."""
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"w" * 1000)

    def build(**other: Any) -> StepFacts:
        facts = StepFacts(
            name="digits after shapes",
            sweep="s1",
            settings={"adapter": {"kind": "lora", "r": 8}, "lr": 5e-4, "faithful": True},
            tags={"atlas.task": "digits"},
            note="learnt second",
            curves={"train/loss": [[step, 1 / (step + 1)] for step in range(50)]},
            scores={"test/latest/digits": 91.0, "test/latest/shapes": 70.5, "val/own/digits": None},
            position=1,
            datasets=[{"name": "digits", "fingerprint": "f" * 64, "source": {"package": "scikit-learn"}}],
            adapter=str(adapter),
            started=1_700_000_000.0,
            ended=1_700_000_009.0,
        )
        facts.update(other)  # type: ignore[typeddict-item]
        return facts

    return build
