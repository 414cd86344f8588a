from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas.learners.continual_model import ContinualModel
from atlas.learners.process_group import ProcessGroup
from atlas.steps.loading import MissingParent, load_steps
from atlas.steps.step import Step
from atlas.storage.store import CorruptArtifact, Store
from tests.small import World


@pytest.fixture
def step(small_world: World, store: Store) -> Step:
    """A trained step in the store."""
    (first, *_) = small_world.walk("digits")
    small_world.learn([first], store)
    return first


@pytest.fixture
def model(small_world: World) -> Iterator[ContinualModel]:
    """A model without any step; what is loaded is removed from the backbone, which others use."""
    made = small_world.model()
    yield made
    made.detach()


def test_a_step_comes_with_its_folder_and_result(model: ContinualModel, store: Store, step: Step) -> None:
    (prior,) = load_steps(model, [step], store, ProcessGroup())
    assert (prior.task, prior.result) == ("digits", store.result(step.key))
    assert (prior.folder / "head.safetensors").is_file()
    assert list(model.heads) == ["digits"]


def test_a_step_that_is_not_there_is_named(model: ContinualModel, store: Store, tmp_path: Path, step: Step) -> None:
    with pytest.raises(MissingParent, match=f"{step.key[:12]}. is not in the store"):
        load_steps(model, [step], Store.open(str(tmp_path / "empty")), ProcessGroup())


def test_of_a_group_the_first_process_alone_verifies_a_mounted_store(
    model: ContinualModel, store: Store, step: Step
) -> None:
    (path,) = Path(store.root).glob(f"steps/*/{step.key}/*/head.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    other = Store.at(store.uri)
    load_steps(model, [step], other, ProcessGroup(rank=1, size=2))
    assert store.find(step.key) is not None
    model.detach()
    with pytest.raises(CorruptArtifact, match="another sha256"):
        load_steps(model, [step], other, ProcessGroup(rank=0, size=2))
    assert store.find(step.key) is None
