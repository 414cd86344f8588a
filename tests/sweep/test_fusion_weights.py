from __future__ import annotations

from typing import Any

import pytest
import torch

from atlas.data.loader import permutation
from atlas.learners import Fusion, HeadOnly
from atlas.runtime.errors import AtlasError
from atlas.steps.train import load_model
from atlas.storage.store import Store
from atlas.sweep.fusion_weights import NoWeights, step_fusion_weights, sweep_fusion_weights
from tests.report.conftest import invented_summary, typed
from tests.small import SCHEDULE, World, atlas


@pytest.fixture(scope="module")
def learnt(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Any]:
    """Two tasks learnt one after the other, and the last step."""
    store = Store.open(str(tmp_path_factory.mktemp("learnt")))
    steps = small_world.walk("digits", "piqa-twin")
    small_world.learn(steps, store)
    return store, steps[-1]


def test_the_mean_is_that_of_the_weights_of_each_sample(small_world: World, learnt: Any) -> None:
    store, step = learnt
    found = step_fusion_weights(step, small_world.worker_context, store, records=20)
    model = load_model(step, small_world.worker_context, store)
    split = small_world.worker_context.data["piqa-twin"].splits["val"]
    with torch.no_grad(), model.adapters.keep_combination_weights():
        model(split.batch(permutation(len(split), seed=0, epoch=0)[:20].sort().values), "piqa-twin")
        wanted = {name: alpha.mean(0).tolist() for name, alpha in model.adapters.combination_weights().items()}
    model.detach()
    assert (found.adapters, found.records, found.split) == (("digits", "piqa-twin"), 20, "val")
    assert found.sites == tuple(wanted)
    assert len(found.sites) == 4  # two a layer
    for row, values in zip(found.mean, wanted.values(), strict=True):
        assert row == pytest.approx(values, abs=1e-5)
        assert all(0 <= value <= 1 for value in row)


def test_batches_do_not_matter(small_world: World, learnt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, step = learnt
    whole = step_fusion_weights(step, small_world.worker_context, store, records=20)
    monkeypatch.setattr("atlas.sweep.fusion_weights.BATCH", 7)
    parts = step_fusion_weights(step, small_world.worker_context, store, records=20)
    for one, other in zip(whole.mean, parts.mean, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize(
    ("fusion", "wanted"),
    [(Fusion(combination="uniform"), (0.5, 0.5)), (Fusion(combination="fixed", weights=(0.2, 0.7)), (0.2, 0.7))],
)
def test_weights_that_are_given_are_shown_as_they_are(
    small_world: World, store: Store, fusion: Fusion, wanted: tuple[float, float]
) -> None:
    steps = small_world.walk("digits", "easy-vqa", learner=atlas(fusion=fusion, experience=None))
    small_world.learn(steps, store)
    for row in step_fusion_weights(steps[-1], small_world.worker_context, store, records=10).mean:
        assert row == pytest.approx(wanted)


def test_weights_by_dimension_are_averaged_over_the_features(small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", learner=atlas(fusion=Fusion(weighting="dimension")))
    small_world.learn(steps, store)
    (row, *_) = step_fusion_weights(steps[-1], small_world.worker_context, store, records=10).mean
    assert len(row) == 1
    assert 0 < row[0] < 1


def test_the_backbone_is_given_back(small_world: World, learnt: Any) -> None:
    store, step = learnt
    before = set(small_world.worker_context.backbone.state_dict())
    step_fusion_weights(step, small_world.worker_context, store, records=4)
    assert set(small_world.worker_context.backbone.state_dict()) == before


def test_a_learner_without_adapters_has_nothing_to_show(small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", learner=HeadOnly(schedule=SCHEDULE))
    small_world.learn(steps, store)
    with pytest.raises(NoWeights, match="has no adapter"):
        step_fusion_weights(steps[-1], small_world.worker_context, store)
    with pytest.raises(AtlasError, match="records is 0"):
        step_fusion_weights(steps[-1], small_world.worker_context, store, records=0)


def test_a_sweep_in_which_nothing_finished_has_no_best_trial(tmp_path: Any) -> None:
    with pytest.raises(AtlasError, match="no trial of this sweep finished"):
        sweep_fusion_weights(typed(invented_summary(0)), tmp_path)
