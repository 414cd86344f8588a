from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from atlas.learners import FineTuning, Learner, WiseFt
from atlas.runtime.errors import AtlasError
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, seed_by_task, weights

FILE = "backbone.safetensors/"


def tuned(world: World, folder: Path, learner: Learner) -> dict[str, Tensor]:
    """The backbone's weights after one task."""
    store, steps = Store.open(str(folder)), world.walk("digits", learner=learner)
    world.learn(steps, store)
    return {name.removeprefix(FILE): one for name, one in weights(store, steps[-1]).items() if name.startswith(FILE)}


def test_the_weights_lie_between_those_before_and_the_fine_tuned_ones(
    small_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_by_task(monkeypatch)
    model = small_world.worker_context.backbone.model
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    after = tuned(small_world, tmp_path / "tuned", FineTuning(schedule=SCHEDULE))
    assert any(not torch.equal(value, before[name]) for name, value in after.items())
    for alpha in (0.0, 0.25, 1.0):
        found = tuned(small_world, tmp_path / str(alpha), WiseFt(schedule=SCHEDULE, alpha=alpha))
        assert found.keys() == after.keys()
        for name, value in found.items():
            assert torch.equal(value, torch.lerp(before[name], after[name], alpha))


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(alpha: float) -> None:
    with pytest.raises(AtlasError, match="give the share of the tuned weights as 0 to 1"):
        WiseFt(alpha=alpha)
