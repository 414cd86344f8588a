from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from atlas.adapters.layer import ROLES
from atlas.data.loader import Batch
from atlas.learners.stack import ContinualModel, Head
from atlas.runtime.errors import AtlasError
from tests.small import World


@pytest.fixture
def stack(small_world: World) -> Iterator[ContinualModel]:
    stack = small_world.stack()
    yield stack
    stack.detach()


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grow(stack: ContinualModel, *tasks: str) -> None:
    for task in tasks:
        stack.add_adapter(task, drawn(), r=4, init_scale=0.5)
        stack.ensure_head(task, drawn())


def batch(world: World, task: str) -> Batch:
    return world.worker_context.data[task].splits["val"].batch(torch.arange(3))


def test_the_head_is_the_papers() -> None:
    head = Head(8, 3, drawn())
    assert [tuple(value.shape) for value in head.parameters()] == [(16, 8), (16,), (16,), (16,), (3, 16), (3,)]
    assert head(torch.zeros(2, 8)).shape == (2, 3)


def test_a_classification_has_a_logit_a_class_and_a_choice_one_a_text(
    small_world: World, stack: ContinualModel
) -> None:
    grow(stack, "digits", "piqa-twin")
    assert stack(batch(small_world, "digits"), "digits").shape == (3, 10)
    choices = batch(small_world, "piqa-twin")
    assert stack(choices, "piqa-twin").shape == choices.tokens.shape[:2]


def test_two_pictures_make_the_head_twice_as_wide(world: World) -> None:
    stack = world.stack()
    stack.ensure_head("easy-pair", drawn())
    width = world.worker_context.backbone.width
    assert stack.heads["easy-pair"].get_parameter("0.weight").shape == (4 * width, 2 * width)
    assert len(stack(batch(world, "easy-pair"), "easy-pair")) == 3


def test_what_is_saved_is_loaded_the_same(small_world: World, stack: ContinualModel, tmp_path: Path) -> None:
    grow(stack, "digits", "easy-vqa")
    for task in ("digits", "easy-vqa"):
        (tmp_path / task).mkdir()
        stack.save(task, tmp_path / task)
    stack.activate("easy-vqa")
    with torch.no_grad():
        before = stack(batch(small_world, "digits"), "digits")
    stack.detach()
    for task in ("digits", "easy-vqa"):
        stack.load(task, tmp_path / task)
    assert stack.order == ["digits", "easy-vqa"]
    with torch.no_grad():
        assert torch.equal(stack(batch(small_world, "digits"), "digits"), before)


def test_a_folder_holds_one_tasks_own_tensors(stack: ContinualModel, tmp_path: Path) -> None:
    grow(stack, "digits", "easy-vqa")
    stack.save("easy-vqa", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"adapter", "head.safetensors"}
    names = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert {name.rsplit(".", 1)[-1] for name in names} == set(ROLES)
    assert len(names) == 4 * len(ROLES)


def test_loading_a_task_again_replaces_it(small_world: World, stack: ContinualModel, tmp_path: Path) -> None:
    grow(stack, "digits")
    stack.save("digits", tmp_path)
    for parameter in stack.heads.parameters():
        parameter.data.zero_()
    stack.load("digits", tmp_path)
    assert stack.order == ["digits"]
    assert stack.heads["digits"].get_parameter("0.weight").abs().sum() > 0


def test_a_new_stage_keeps_the_queries_over_the_past(stack: ContinualModel) -> None:
    grow(stack, "digits")
    stack.add_adapter("easy-vqa", drawn(1), novel=False)
    queries = {name: site.atlas_query_past["easy-vqa"].clone() for name, site in stack.adapters.sites().items()}
    stack.add_adapter("easy-vqa", drawn(2), novel=True, r=4)
    assert stack.order == ["digits", "easy-vqa"]
    for name, site in stack.adapters.sites().items():
        assert torch.equal(site.atlas_query_past["easy-vqa"], queries[name])


def test_a_tasks_own_route_is_not_changed_by_later_tasks(small_world: World, stack: ContinualModel) -> None:
    grow(stack, "digits")
    stack.activate("digits")
    with torch.no_grad():
        before = stack(batch(small_world, "digits"), "digits")
        grow(stack, "easy-vqa")
        stack.activate("easy-vqa")
        assert not torch.equal(stack(batch(small_world, "digits"), "digits"), before)
        stack.activate("digits")
        assert torch.equal(stack(batch(small_world, "digits"), "digits"), before)


def test_a_head_is_drawn_once(stack: ContinualModel) -> None:
    stack.ensure_head("digits", drawn(0))
    head = stack.heads["digits"]
    stack.ensure_head("digits", drawn(1))
    assert stack.heads["digits"] is head


def test_an_empty_stack_says_that_it_has_no_adapter(stack: ContinualModel) -> None:
    with pytest.raises(AtlasError, match="no adapter yet"):
        _ = stack.adapters
    stack.activate("digits")  # a head alone has no adapters to route through


def test_what_a_task_builds_on_must_be_loaded_first(stack: ContinualModel, tmp_path: Path) -> None:
    grow(stack, "digits", "easy-vqa")
    stack.save("easy-vqa", tmp_path)
    stack.detach()
    with pytest.raises(AtlasError, match="builds on 'digits', which is not loaded"):
        stack.load("easy-vqa", tmp_path)
