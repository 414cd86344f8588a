from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from atlas.adapters.layer import ROLES
from atlas.data.loader import Batch
from atlas.learners.continual_model import ContinualModel
from atlas.learners.readouts.head import Head
from atlas.runtime.errors import AtlasError
from tests.small import World


@pytest.fixture
def model(small_world: World) -> Iterator[ContinualModel]:
    model = small_world.model()
    yield model
    model.detach()


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grow(model: ContinualModel, *tasks: str) -> None:
    for task in tasks:
        model.add_adapter(task, drawn(), r=4, init_scale=0.5)
        model.ensure_head(task, drawn())


def batch(world: World, task: str) -> Batch:
    return world.worker_context.data[task].splits["val"].batch(torch.arange(3))


def test_the_head_is_the_papers() -> None:
    head = Head(8, 3, drawn())
    assert [tuple(value.shape) for value in head.parameters()] == [(16, 8), (16,), (16,), (16,), (3, 16), (3,)]
    assert head(torch.zeros(2, 8)).shape == (2, 3)


def test_a_classification_has_a_logit_a_class_and_a_choice_one_a_text(
    small_world: World, model: ContinualModel
) -> None:
    grow(model, "digits", "piqa-twin")
    assert model(batch(small_world, "digits"), "digits").shape == (3, 10)
    choices = batch(small_world, "piqa-twin")
    assert model(choices, "piqa-twin").shape == choices.tokens.shape[:2]


def test_two_pictures_make_the_head_twice_as_wide(world: World) -> None:
    model = world.model()
    model.ensure_head("easy-pair", drawn())
    width = world.worker_context.backbone.width
    assert model.heads["easy-pair"].get_parameter("0.weight").shape == (4 * width, 2 * width)
    assert len(model(batch(world, "easy-pair"), "easy-pair")) == 3


def test_what_is_saved_is_loaded_the_same(small_world: World, model: ContinualModel, tmp_path: Path) -> None:
    grow(model, "digits", "easy-vqa")
    for task in ("digits", "easy-vqa"):
        (tmp_path / task).mkdir()
        model.save(task, tmp_path / task)
    model.activate("easy-vqa")
    with torch.no_grad():
        before = model(batch(small_world, "digits"), "digits")
    model.detach()
    for task in ("digits", "easy-vqa"):
        model.load(task, tmp_path / task)
    assert model.order == ["digits", "easy-vqa"]
    with torch.no_grad():
        assert torch.equal(model(batch(small_world, "digits"), "digits"), before)


def test_a_folder_holds_one_tasks_own_tensors(model: ContinualModel, tmp_path: Path) -> None:
    grow(model, "digits", "easy-vqa")
    model.save("easy-vqa", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"adapter", "head.safetensors"}
    names = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert {name.rsplit(".", 1)[-1] for name in names} == set(ROLES)
    assert len(names) == 4 * len(ROLES)


def test_loading_a_task_again_replaces_it(small_world: World, model: ContinualModel, tmp_path: Path) -> None:
    grow(model, "digits")
    model.save("digits", tmp_path)
    for parameter in model.heads.parameters():
        parameter.data.zero_()
    model.load("digits", tmp_path)
    assert model.order == ["digits"]
    assert model.heads["digits"].get_parameter("0.weight").abs().sum() > 0


def test_a_new_stage_keeps_the_queries_over_the_past(model: ContinualModel) -> None:
    grow(model, "digits")
    model.add_adapter("easy-vqa", drawn(1), novel=False)
    queries = {name: site.atlas_query_past["easy-vqa"].clone() for name, site in model.adapters.sites().items()}
    model.add_adapter("easy-vqa", drawn(2), novel=True, r=4)
    assert model.order == ["digits", "easy-vqa"]
    for name, site in model.adapters.sites().items():
        assert torch.equal(site.atlas_query_past["easy-vqa"], queries[name])


def test_a_tasks_own_route_is_not_changed_by_later_tasks(small_world: World, model: ContinualModel) -> None:
    grow(model, "digits")
    model.activate("digits")
    with torch.no_grad():
        before = model(batch(small_world, "digits"), "digits")
        grow(model, "easy-vqa")
        model.activate("easy-vqa")
        assert not torch.equal(model(batch(small_world, "digits"), "digits"), before)
        model.activate("digits")
        assert torch.equal(model(batch(small_world, "digits"), "digits"), before)


def test_a_head_is_drawn_once(model: ContinualModel) -> None:
    model.ensure_head("digits", drawn(0))
    head = model.heads["digits"]
    model.ensure_head("digits", drawn(1))
    assert model.heads["digits"] is head


def test_an_empty_stack_says_that_it_has_no_adapter(model: ContinualModel) -> None:
    with pytest.raises(AtlasError, match="no adapter yet"):
        _ = model.adapters
    model.activate("digits")  # a head alone has no adapters to route through


def test_what_a_task_builds_on_must_be_loaded_first(model: ContinualModel, tmp_path: Path) -> None:
    grow(model, "digits", "easy-vqa")
    model.save("easy-vqa", tmp_path)
    model.detach()
    with pytest.raises(AtlasError, match="builds on 'digits', which is not loaded"):
        model.load("easy-vqa", tmp_path)
