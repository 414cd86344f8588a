from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from atlas.adapters.fusion import plain
from atlas.learners.composition import Composition, SiteAttention, load_attention
from atlas.learners.continual_model import ContinualModel
from tests.small import World


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model(small_world: World) -> Iterator[ContinualModel]:
    """A model of two single-task adapters."""
    model = small_world.model()
    for number, task in enumerate(("digits", "easy-vqa")):
        model.add_adapter(task, drawn(number), r=4, init_scale=0.5, experience=[])
        model.ensure_head(task, drawn(number))
    yield model
    model.detach()


def test_attention_is_the_papers_formula() -> None:
    site, h, outputs = SiteAttention(6, drawn()), torch.rand(2, 3, 6), [torch.rand(2, 3, 6) for _ in range(4)]
    torch.nn.init.normal_(site.value, generator=drawn(1))
    torch.nn.init.normal_(site.query, generator=drawn(2))
    found, weights = site(h, outputs)
    z = torch.stack(outputs)
    for b in range(2):
        for token in range(3):
            query = h[b, token] @ site.query
            s = torch.stack([query @ (z[n, b, token] @ site.key) for n in range(4)]).softmax(0)
            values = torch.stack([z[n, b, token] @ site.value for n in range(4)])
            torch.testing.assert_close(found[b, token], s @ values)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    prompt = torch.tensor([[1, 1, 0], [0, 1, 1]]).bool()
    again, of_prompt = site(h, outputs, prompt)
    assert torch.equal(again, found)
    first = site(h[:1, :2], [one[:1, :2] for one in outputs])[1]
    torch.testing.assert_close(of_prompt[:1], first)  # as reported without the padding


def test_adapters_that_say_the_same_are_not_changed_at_the_start() -> None:
    site, z = SiteAttention(6, drawn()), torch.rand(2, 3, 6)
    torch.testing.assert_close(site(torch.rand(2, 3, 6), [z, z])[0], z)


def test_each_adapter_gives_what_it_gives_alone(model: ContinualModel) -> None:
    model.compose("easy-vqa", drawn(3))
    place, layer = next(iter(model.adapters.sites().items()))
    x = torch.rand(2, 5, layer.in_features)
    h = layer.base_layer(x)
    outputs = [plain(x, h, *layer.stack(name))[0] for name in ("digits", "easy-vqa")]
    composition = model.compositions["easy-vqa"]
    site = composition.sites[composition.site_names.index(place)]  # type: ignore[union-attr,index,operator]
    with torch.no_grad():
        torch.testing.assert_close(layer(x), site(h, outputs)[0])  # type: ignore[operator]


def test_another_task_is_not_composed(small_world: World, model: ContinualModel) -> None:
    batch = small_world.worker_context.data["digits"].splits["val"].batch(torch.arange(3))
    model.activate("digits")
    with torch.no_grad():
        before = model(batch, "digits")
        model.compose("easy-vqa", drawn(3))
        assert not torch.equal(model(batch, "digits"), before)
        model.activate("digits")
        assert torch.equal(model(batch, "digits"), before)


def test_a_task_learnt_after_it_is_not_composed(small_world: World, model: ContinualModel) -> None:
    """A downstream task builds on the adapters, by keys and queries of its own."""
    model.compose("easy-vqa", drawn(3))
    model.add_adapter("piqa-twin", drawn(4), r=4)
    model.ensure_head("piqa-twin", drawn(4))
    model.train_expansion("piqa-twin")
    layer = next(iter(model.adapters.sites().values()))
    x = torch.rand(2, 5, layer.in_features)
    with torch.no_grad():
        expected = plain(x, layer.base_layer(x), *layer.stack("piqa-twin"))[0]
        torch.testing.assert_close(layer(x), expected)


def test_what_is_saved_is_loaded_with_the_names_of_its_adapters(model: ContinualModel, tmp_path: Path) -> None:
    model.compose("easy-vqa", drawn(3))
    layers = model.adapters.sites()
    saved = model.compositions["easy-vqa"]
    assert isinstance(saved, Composition)
    saved.save(tmp_path)
    loaded = load_attention(tmp_path, layers)
    assert loaded is not None
    assert loaded.names == ["digits", "easy-vqa"]
    assert all(torch.equal(value, saved.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_where_nothing_was_saved_nothing_is_loaded(model: ContinualModel, tmp_path: Path) -> None:
    assert load_attention(tmp_path, model.adapters.sites()) is None


def test_the_attention_of_a_site_can_be_looked_at(small_world: World, model: ContinualModel) -> None:
    model.compose("easy-vqa", drawn(3))
    batch = small_world.worker_context.data["digits"].splits["val"].batch(torch.arange(3))
    with torch.no_grad(), model.adapters.keep_combination_weights():
        model(batch, "easy-vqa")
        found = model.adapters.combination_weights()
    assert {tuple(alpha.shape) for alpha in found.values()} == {(3, 2)}
