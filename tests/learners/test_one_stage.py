from __future__ import annotations

import pytest
import torch

from atlas.adapters.fusion import plain
from atlas.learners import ExpansionOnly, ExperienceOnly, SingleTaskAdapters
from atlas.runtime.errors import AtlasError
from atlas.storage.store import Store
from tests.small import World, atlas, weights

ORDER = ("digits", "easy-vqa", "piqa-twin")


def test_stage_one_alone_adds_no_adapter_after_the_first_task(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER, learner=ExperienceOnly(like=atlas()))
    facts = small_world.learn(steps, store)
    roles = [{name.split(".")[-1] for name in weights(store, step) if "adapter/" in name} for step in steps]
    assert "atlas_down" in roles[0]
    assert roles[1:] == [{"atlas_query_past"}] * 2
    assert [set(fact.scores.latest.val) for fact in facts] == [set(ORDER[: i + 1]) for i in range(3)]


def test_stage_two_alone_is_atlas_without_experience() -> None:
    for position in range(3):
        assert ExpansionOnly(like=atlas()).stages(position) == atlas(experience=None).stages(position)


def test_stage_one_alone_needs_a_schedule_for_it() -> None:
    with pytest.raises(AtlasError, match="there is no schedule for the only stage"):
        ExperienceOnly(like=atlas(experience=None))


@pytest.mark.parametrize("learner", [atlas(), ExperienceOnly(like=atlas()), ExpansionOnly(like=atlas())])
def test_with_one_task_it_is_a_lone_adapter_with_one_key(small_world: World, store: Store, learner: object) -> None:
    """The same step, and at each site out = α Φ(h) with α = (cos(a, k) + 1) / 2 of one query and one key."""
    (step,) = small_world.walk("digits", learner=learner)  # type: ignore[arg-type]
    assert [step] == small_world.walk("digits", learner=SingleTaskAdapters(like=atlas()))
    model = small_world.model()
    step.stage.begin(model, "digits", torch.Generator().manual_seed(0))
    layer = next(iter(model.adapters.sites().values()))
    parts, rule = layer.stack("digits")
    assert (len(parts.parts), len(parts.key or ()), len(parts.query or ()), rule.fixed) == (1, 1, 1, None)
    x = torch.rand(2, 5, layer.in_features)
    with torch.no_grad():
        out, alpha = plain(x, layer.base_layer(x), parts, rule)
        torch.testing.assert_close(layer(x), out)
        h = layer.base_layer(x)
        phi = h + torch.nn.functional.linear(parts.parts[0].inner(x, h), parts.parts[0].up)
        torch.testing.assert_close(out, alpha[:, :, None] * phi)
    model.detach()
    small_world.learn([step], store)
    keys = [value for name, value in weights(store, step).items() if "atlas_key" in name]
    assert {tuple(key.shape) for key in keys} == {(1, small_world.worker_context.backbone.width)}
