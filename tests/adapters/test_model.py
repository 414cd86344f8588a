"""The PEFT model on a ViLT and on a BERT."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from peft import PeftModel, get_peft_model
from transformers import PreTrainedModel

from atlas.adapters import AtlasConfig
from atlas.runtime.errors import AtlasError

from .conftest import adapted, chain, output, small_model

Pair = tuple[PreTrainedModel, dict[str, torch.Tensor]]


def _trainable(model: PeftModel) -> set[tuple[str, str]]:
    """(role, adapter) of everything trainable; the base model must not be among it."""
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert all(".atlas_" in name for name in names)
    return {tuple(name.split(".")[-2:]) for name in names}  # type: ignore[misc]


def _saved(model: PeftModel, folder: Path) -> dict[str, Path]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.save_pretrained(str(folder))
    return {name: folder / name for name in model.peft_config}


def test_the_default_sites_are_both_output_projections(model_and_inputs: Pair) -> None:
    model = adapted(model_and_inputs[0], *chain(1))
    expected = [f"encoder.layer.{i}.{part}.dense" for i in range(2) for part in ("attention.output", "output")]
    assert list(model.sites()) == expected


def test_each_stage_trains_its_own_parameters_only(model_and_inputs: Pair) -> None:
    model, inputs = model_and_inputs
    model = adapted(model, *chain(3))
    model.train_experience("task-2")
    assert _trainable(model) == {("atlas_query_past", "task-2")}
    expansion = {"atlas_down", "atlas_down_bias", "atlas_up", "atlas_up_bias", "atlas_key", "atlas_query_own"}
    model.train_expansion("task-2")
    assert _trainable(model) == {(role, "task-2") for role in expansion}
    model(**inputs).pooler_output.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    model.activate("task-1")
    assert _trainable(model) == set()


def test_stage_one_sees_the_past_alone() -> None:
    model, inputs = small_model("vilt")
    past = AtlasConfig(r=4, experience=["task-0", "task-1"], novel=False)
    model = adapted(model, *chain(3), past)
    for layer in model.sites().values():
        layer.atlas_query_past["task-3"].data.copy_(layer.atlas_query_past["task-2"])
    model.activate("task-3")
    expected = output(model, inputs)
    model.train_experience("task-2")
    assert torch.equal(output(model, inputs), expected)
    model.train_expansion("task-2")
    assert not torch.allclose(output(model, inputs), expected)


def test_nothing_below_the_first_adapter_needs_a_gradient() -> None:
    model, inputs = small_model("vilt")
    model = adapted(model, *chain(2))
    seen: list[bool] = []
    site = model.sites()["encoder.layer.0.attention.output.dense"]
    site.base_layer.register_forward_hook(lambda module, args, out: seen.append(out.requires_grad))
    assert model(**inputs).pooler_output.requires_grad
    assert seen == [False]


def test_adapters_round_trip_bit_for_bit(model_and_inputs: Pair, tmp_path: Path) -> None:
    model, inputs = model_and_inputs
    kind = model.config.model_type
    model = adapted(model, *chain(3))
    folders = _saved(model, tmp_path)
    expected = {}
    for name in folders:
        model.activate(name)
        expected[name] = output(model, inputs)
    again = PeftModel.from_pretrained(small_model(kind)[0], str(folders["task-0"]), adapter_name="task-0")
    for name in ("task-1", "task-2"):
        result = again.load_adapter(str(folders[name]), name)
        assert not result.missing_keys
    for name in folders:
        again.set_adapter(name)
        assert torch.equal(output(again, inputs), expected[name])
    ours, theirs = (dict(one.named_parameters()) for one in (model, again))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_what_low_memory_loading_gives_is_the_same(tmp_path: Path) -> None:
    model, inputs = small_model("bert")
    model = adapted(model, *chain(1))
    folders = _saved(model, tmp_path)
    again = PeftModel.from_pretrained(
        small_model("bert")[0], str(folders["task-0"]), adapter_name="other", low_cpu_mem_usage=True
    )
    assert torch.equal(output(again, inputs), output(model, inputs))


def test_experience_must_be_loaded_first(tmp_path: Path) -> None:
    folders = _saved(adapted(small_model("vilt")[0], *chain(2)), tmp_path)
    with pytest.raises(AtlasError, match="builds on 'task-0', which is not loaded"):
        PeftModel.from_pretrained(small_model("vilt")[0], str(folders["task-1"]), adapter_name="task-1")


def test_a_failed_addition_leaves_no_trace() -> None:
    model, inputs = small_model("vilt")
    model = adapted(model, *chain(1))
    before = output(model, inputs)
    with pytest.raises(AtlasError, match="not loaded"):
        model.add_adapter("next", AtlasConfig(r=4, experience=["missing"]))
    assert list(model.peft_config) == ["task-0"]
    assert torch.equal(output(model, inputs), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experience": ["past"]}, "no Φ of its own"),
        ({"experience": ["task-0"], "weighting": "dimension"}, "weighting='dimension'"),
        ({"experience": ["task-0"], "target_modules": ["intermediate.dense"]}, "target_modules="),
        ({"experience": ["uniform"]}, "combination='learned'"),
    ],
)
def test_experience_that_does_not_fit_is_refused(settings: dict[str, object], message: str) -> None:
    uniform = AtlasConfig(r=4, combination="uniform")
    model = adapted(small_model("vilt")[0], *chain(1))
    model.add_adapter("past", AtlasConfig(r=4, experience=["task-0"], novel=False))
    model.add_adapter("uniform", uniform)
    with pytest.raises(AtlasError, match=message):
        model.add_adapter("next", AtlasConfig(r=4, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a.b", "dense", "0", "keys", "attention"])
def test_names_that_would_mix_adapters_up_are_refused(name: str) -> None:
    with pytest.raises(AtlasError, match="cannot name an adapter"):
        get_peft_model(small_model("vilt")[0], AtlasConfig(r=4), name)


def test_only_linear_modules_can_be_sites() -> None:
    with pytest.raises(AtlasError, match="is a LayerNorm"):
        get_peft_model(small_model("vilt")[0], AtlasConfig(r=4, target_modules=["layernorm_before"]))


def test_adapters_that_others_build_on_cannot_be_deleted() -> None:
    model, inputs = small_model("vilt")
    model = adapted(model, *chain(3))
    with pytest.raises(AtlasError, match="task-1, task-2 build on it"):
        model.delete_adapter("task-0")
    model.set_adapter("task-1")
    before = output(model, inputs)
    model.delete_adapter("task-2")
    assert torch.equal(output(model, inputs), before)
    assert not [key for key in model.state_dict() if "task-2" in key]
    with pytest.raises(AtlasError, match="unknown adapter 'task-2'"):
        model.activate("task-2")


def test_merging_routing_and_lists_are_refused() -> None:
    model, inputs = small_model("vilt")
    model = adapted(model, *chain(2))
    for refused in (model.merge_and_unload, model.merge_adapter):
        with pytest.raises(AtlasError, match="cannot be merged"):
            refused()
    with pytest.raises(AtlasError, match="adapter_names is not supported"):
        model(**inputs, adapter_names=["task-0"] * 3)
    with pytest.raises(AtlasError, match="at once"):
        model.base_model.set_adapter(["task-0", "task-1"])


def test_disabling_and_unloading_give_the_bare_model() -> None:
    model, inputs = small_model("vilt")
    bare = output(model, inputs)
    model = adapted(model, *chain(2))
    model.train_expansion("task-1")
    before, trainable = output(model, inputs), _trainable(model)
    with model.disable_adapter():
        assert torch.equal(output(model, inputs), bare)
    assert torch.equal(output(model, inputs), before)
    assert _trainable(model) == trainable
    assert torch.equal(output(model.unload(), inputs), bare)


def test_reset_depends_on_the_generator_alone_and_on_no_rank_for_past_queries() -> None:
    states = []
    for r, seed in ((4, 0), (6, 1)):
        torch.manual_seed(seed)
        model = get_peft_model(small_model("vilt")[0], AtlasConfig(r=4), "task-0")
        model.add_adapter("task-1", AtlasConfig(r=r, experience=["task-0"]))
        torch.manual_seed(seed)
        for name in ("task-0", "task-1"):
            model.reset_adapter(name, torch.Generator().manual_seed(7))
        states.append(model.state_dict())
    same = [key for key in states[0] if key.endswith("task-0") or "atlas_query_past" in key]
    assert len(same) > 20
    assert all(torch.equal(states[0][key], states[1][key]) for key in same)


def test_the_stages_of_a_stack_that_cannot_have_them_are_refused() -> None:
    model = adapted(small_model("vilt")[0], *chain(1), AtlasConfig(r=4, experience=["task-0"], novel=False))
    with pytest.raises(AtlasError, match="no experience"):
        model.train_experience("task-0")
    with pytest.raises(AtlasError, match="nothing to expand"):
        model.train_expansion("task-1")


def test_penalty_is_the_sum_over_the_sites() -> None:
    model = adapted(small_model("vilt")[0], *chain(3, weighting="dimension", query_tokens=3))
    expected = {"experience": 0.0, "expansion": 0.0}
    for layer in model.sites().values():
        past, own = layer.atlas_query_past["task-2"], layer.atlas_query_own["task-2"]
        keys = torch.stack([layer.atlas_key[f"task-{i}"] for i in range(3)])
        for stage, groups in (("experience", [past]), ("expansion", [torch.cat([past, own]), keys])):
            for rows in groups:
                X = rows.flatten(1)
                n, d = X.shape
                expected[stage] += 0.1 * ((X @ X.T - torch.eye(n)) ** 2).mean().item() / (n * d)
    for stage, value in expected.items():
        assert model.penalty("task-2", stage).item() == pytest.approx(value, rel=1e-5)


def test_penalty_is_zero_without_queries_or_weight() -> None:
    for settings in ({"penalty": 0.0}, {"combination": "uniform"}):
        model = adapted(small_model("vilt")[0], *chain(2, **settings))
        assert model.penalty("task-1", "expansion").item() == 0


def test_combination_weights_are_kept_only_when_asked() -> None:
    model, inputs = small_model("vilt")
    model = adapted(model, *chain(3))
    output(model, inputs)
    with pytest.raises(AtlasError, match="no α was kept"):
        model.combination_weights()
    with model.keep_combination_weights():
        model(**inputs)
        weights = model.combination_weights()
    assert list(weights) == list(model.sites())
    assert all(alpha.shape == (3, 3) and not alpha.requires_grad for alpha in weights.values())
    assert all(((alpha >= 0) & (alpha <= 1)).all() for alpha in weights.values())
    assert all(layer.alpha is None for layer in model.sites().values())


def test_a_half_precision_model_runs_with_its_adapters_in_single_precision() -> None:
    model, inputs = small_model("bert")
    model = adapted(model.to(torch.bfloat16), *chain(2))
    parameters = model.sites()["encoder.layer.0.output.dense"].parameters_of("task-1")
    assert {parameter.dtype for parameter in parameters.values()} == {torch.float32}
    assert output(model, inputs).dtype == torch.bfloat16


@pytest.mark.parametrize("stage", ["experience", "expansion"])
def test_adding_an_adapter_changes_nothing_of_the_active_one(stage: str) -> None:
    model, inputs = small_model("vilt")
    model = adapted(model, *chain(2))
    getattr(model, f"train_{stage}")("task-1")
    before, trainable = output(model, inputs), _trainable(model)
    model.add_adapter("task-2", AtlasConfig(kind="lora", r=2, experience=["task-0", "task-1"]))
    assert torch.equal(output(model, inputs), before)
    assert _trainable(model) == trainable
    assert model.active_adapters == ["task-1"]
