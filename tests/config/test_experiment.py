"""The references of a sweep, by what its backbone can answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.space import params_of
from atlas.config.sweep import Sweep
from atlas.runtime.errors import AtlasError
from atlas.search.points import check_points
from tests.backbones.generative.checkpoints import write_smolvlm

TASKS = ("digits", "piqa-twin", "easy-vqa")


def experiment(**options: object) -> Experiment:
    given = Options.of(tasks=TASKS, seeds=(0, 1), **options)
    return Experiment(sweep=Sweep(name="mine", question="Why?"), options=given, precision="float32")


def test_zero_shot_is_a_reference_of_the_tasks_with_images_where_the_backbone_allows_it() -> None:
    assert experiment().references().keys() == {"lone", "head_only", "untrained"}
    walks = experiment(backbone="clip-tiny").references()["zero_shot"]
    assert [(walk.order, walk.seed) for walk in walks] == [
        (("digits",), 0),
        (("easy-vqa",), 0),
        (("digits",), 1),
        (("easy-vqa",), 1),
    ]


def test_a_readout_is_that_of_every_learner_and_reference() -> None:
    references = experiment(backbone="clip-tiny", readout="similarity").references()
    assert {walk.learner.readout for name in ("lone", "head_only", "untrained") for walk in references[name]} == {
        "similarity"
    }


def test_an_unknown_readout_is_refused() -> None:
    with pytest.raises(AtlasError, match="--readout 'similar'.*Did you mean 'similarity'"):
        Options.of(readout="similar")


def test_shots_a_class_of_a_task_without_classes_are_refused() -> None:
    texts = "coin-vqav2-twin"
    with pytest.raises(AtlasError, match=rf"--shots 16/class: the answers of {texts} are texts, not classes; .* as 16"):
        experiment(shots=("8", "16/class"), downstream=("easy-ve", texts)).check()
    experiment(shots=("16",), downstream=("easy-ve", texts)).check()
    experiment(shots=("16/class",), downstream=("easy-ve",)).check()


def test_shots_of_no_task_are_refused_but_for_a_sweep_that_began_with_them() -> None:
    with pytest.raises(AtlasError, match="--shots is 8 16, but no task is trained from few shots: .* --downstream"):
        experiment(shots=("8", "16")).check()
    experiment(shots=("8", "16"), downstream=("easy-ve",)).check()
    experiment(shots=("8", "16"), resume="mine-2026").check()


def test_orders_outside_of_the_constraints_are_refused_wherever_they_are_written() -> None:
    sweep = Sweep(name="mine", question="Why?", searches_orders=True)
    options = Options.of(tasks=TASKS, before=("digits,easy-vqa",), orders=("easy-vqa,digits,piqa-twin",))
    with pytest.raises(AtlasError, match="the order easy-vqa,digits,piqa-twin does not keep to digits before easy-vqa"):
        Experiment(sweep=sweep, options=options).check()
    outside = params_of(("easy-vqa", "digits", "piqa-twin"))
    pointed = Sweep(name="mine", question="Why?", searches_orders=True, points=(outside,))
    with pytest.raises(
        AtlasError, match="point 1 of the sweep mine has an order that does not keep to digits before easy-vqa"
    ):
        check_points(Experiment(sweep=pointed, options=options.changed(orders=())))


def test_zero_shot_of_a_model_that_answers_in_words_is_by_the_sweeps_readout_or_by_likelihood(tmp_path: Path) -> None:
    backbone = str(write_smolvlm(tmp_path / "tiny"))
    for readout, expected in (("head", "likelihood"), ("mean-likelihood", "mean-likelihood")):
        walks = experiment(backbone=backbone, readout=readout).references()["zero_shot"]
        assert {walk.learner.given(walk.learner.stages(0)[0]).readout for walk in walks} == {expected}
        assert len(walks) == len(experiment().references()["lone"])


def test_shots_that_are_the_same_in_other_words_are_refused() -> None:
    for same in (("064", "64"), ("100%", "all"), ("5%", "5.0%")):
        with pytest.raises(AtlasError, match=f"--shots are {' '.join(same)}, of which two are the same"):
            experiment(shots=same, downstream=("easy-ve",)).check()
    experiment(shots=("5", "5%", "5/class"), downstream=("easy-ve",)).check()


def test_a_sampler_of_orders_that_are_all_written_out_is_refused_but_for_a_sweep_that_began_with_it() -> None:
    sweep, written = Sweep(name="mine", question="", searches_orders=True), ("digits,piqa-twin", "piqa-twin,digits")

    def check(**more: object) -> None:
        given = Options.of(tasks=("digits", "piqa-twin"), sampler="orders", **more)
        Experiment(sweep=sweep, options=given).check()

    with pytest.raises(AtlasError, match="--sampler orders: all orders are written out, so that nothing proposes them"):
        check(orders=written)
    check(orders=("2",))
    check(orders=written, resume="mine-2026")


def test_a_digit_that_is_no_number_is_no_number_of_orders() -> None:
    sweep = Sweep(name="mine", question="", searches_orders=True)
    with pytest.raises(AtlasError, match="--orders is '²'; give a number of 1 or more"):
        Experiment(sweep=sweep, options=Options.of(tasks=TASKS, orders=("²",))).check()
