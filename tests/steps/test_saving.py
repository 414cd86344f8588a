"""A trained step is saved once its disk has room, without being trained again."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from atlas.learners.continual_model import ContinualModel
from atlas.steps.saving import told_by_number
from atlas.steps.train import train_step
from atlas.storage.store import Store
from tests.disks import fill, small_disk
from tests.small import World

FULL = "Error while serializing: I/O error: No space left on device (os error 28)"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this process, until the test ends."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def failing_first(save: Callable[..., None], error: Exception) -> Callable[..., None]:
    """The same, which fails the first time once it has written."""
    errors = [error]

    def saving(*arguments: Any) -> None:
        save(*arguments)
        if errors:
            raise errors.pop()

    return saving


@pytest.mark.parametrize("error", [SafetensorError(FULL), OSError(errno.ENOSPC, "No space left on device")], ids=repr)
def test_a_full_temporary_folder_is_waited_for_and_the_step_is_trained_once(
    small_world: World,
    store: Store,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    monkeypatch.setattr("atlas.runtime.retry.POLL_SECONDS", 0.0)
    monkeypatch.setattr(ContinualModel, "save", failing_first(ContinualModel.save, error))
    step, seen = small_world.walk("digits")[0], []
    result = train_step(step, small_world.worker_context, store, lambda update, updates, loss=None: seen.append(update))
    assert store.verify(step.key)
    assert seen.count(result.updates) == 1
    assert f"temporary folder {temporary} is full" in caplog.text
    assert list(temporary.iterdir()) == []


def test_safetensors_on_a_full_disk_is_told_by_the_number_of_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="1m") as folder:
        fill(folder)
        with pytest.raises(OSError, match="No space left") as told, told_by_number():
            save_file({"weights": torch.zeros(100_000)}, folder / "weights.safetensors")
    assert told.value.errno == errno.ENOSPC


def test_another_error_of_safetensors_stays_what_it_is() -> None:
    with pytest.raises(SafetensorError, match="header"), told_by_number():
        raise SafetensorError("Error while deserializing header: InvalidHeader")
