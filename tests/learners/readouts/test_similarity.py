"""The readout `similarity`: cosines of the backbone's own features, of prompts, of texts with a class, of choices."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from atlas.backbones import load
from atlas.backbones.dual.backbone import DualBackbone
from atlas.backbones.processor import Processor
from atlas.data.loader import Batch
from atlas.learners import LEARNERS, Lwf, ZeroShot, stage_from
from atlas.learners.readouts.prompts import check_class_words, class_prompts
from atlas.learners.readouts.readout import AnswerForm
from atlas.learners.readouts.similarity import Similarity
from atlas.runtime.errors import AtlasError
from tests.backbones.dual.checkpoints import CHECKPOINTS

ANSWERS = ("red", "blue circle", "no")
FORM = AnswerForm(task="shapes", outputs=3, images=1, answers=ANSWERS)


@pytest.fixture(scope="module", params=sorted(CHECKPOINTS))
def backbone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DualBackbone:
    loaded = load(CHECKPOINTS[request.param](tmp_path_factory.mktemp(request.param)))
    assert isinstance(loaded, DualBackbone)
    return loaded


def batch_of(backbone: DualBackbone, *texts: str, images: int = 1, choices: int = 1) -> Batch:
    """A record a text, or one of `choices` texts."""
    tokens = torch.from_numpy(backbone.processor.token_rows(texts)[0]).long().unflatten(0, (-1, choices))
    source = torch.Generator().manual_seed(0)
    size = (len(tokens), images, 3, 32, 32)
    pixels = torch.randint(0, 256, size, dtype=torch.uint8, generator=source)
    mask = tokens != backbone.processor.pad_id
    return Batch(pixels=pixels, tokens=tokens, mask=mask, targets=torch.zeros(len(tokens)).long())


def logits(backbone: DualBackbone, form: AnswerForm, batch: Batch) -> Tensor:
    readout = Similarity.build(backbone, form)
    asked = readout.ask(batch)
    return readout.logits(backbone(asked.pixels, asked.tokens, asked.mask)).detach()


def cosines(backbone: DualBackbone, image: Tensor, *texts: str) -> Tensor:
    """Those of one image [3, S, S] and the texts, times the model's own scale."""
    rows = torch.from_numpy(backbone.processor.token_rows(texts)[0]).long()
    features = backbone.text_features(rows, rows != backbone.processor.pad_id)
    return cosine_similarity(backbone.image_features(image[None]), features) * torch.tensor(backbone.log_scale).exp()


def test_a_class_is_put_after_the_text_of_a_record(backbone: DualBackbone) -> None:
    batch = batch_of(backbone, "what is the shape ?", "is there a star in the image ?")
    found = logits(backbone, FORM, batch)
    for number, text in enumerate(("what is the shape ?", "is there a star in the image ?")):
        expected = cosines(backbone, batch.pixels[number, 0], *(f"{text} {answer}" for answer in ANSWERS))
        assert torch.allclose(found[number], expected, atol=1e-4)


def test_a_text_that_is_too_long_keeps_the_class(backbone: DualBackbone) -> None:
    batch = batch_of(backbone, "what is the shape " * 8)
    tokens = Similarity.build(backbone, FORM).ask(batch).tokens[0]
    longest = backbone.processor.max_tokens
    kept = [row[row != backbone.processor.pad_id].tolist() for row in tokens]
    assert [len(row) for row in kept] == [longest] * 3
    ends = [backbone.processor.tokens(answer).tolist()[1 : len(answer.split()) + 2] for answer in ANSWERS]
    assert [row[-len(end) :] for row, end in zip(kept, ends, strict=True)] == ends


def test_a_text_with_its_class_has_the_tokens_that_texts_are_given(backbone: DualBackbone) -> None:
    batch = batch_of(backbone, "what is the shape of it ?", "is it ?")
    whole, cut = (
        Similarity.build(backbone, replace(FORM, most_tokens=most)).ask(batch).mask.sum(-1) for most in (None, 6)
    )
    assert whole.max() > 6
    assert cut.max() == 6
    assert (cut[1] == whole[1].clamp(max=6)).all()


def test_words_of_a_class_that_texts_have_no_room_for_are_refused(backbone: DualBackbone) -> None:
    folder = backbone.processor.folder
    check = partial(check_class_words, "shapes", ANSWERS, processor=Processor.load(folder, max_tokens=3))
    with pytest.raises(AtlasError, match="the words of shapes's class 'blue circle' take 4 tokens, and a text has 3"):
        check(modality="vision-language")
    with pytest.raises(AtlasError, match=r"class 'red' take .* give more --tokens \(the backbone takes"):
        check(modality="vision")
    for modality in ("vision", "vision-language"):
        check_class_words("shapes", ANSWERS, modality=modality, processor=backbone.processor)


def test_classes_without_a_text_are_told_by_prompts_of_a_template(backbone: DualBackbone) -> None:
    batch = batch_of(backbone, "this is an image", "this is an image")
    found = logits(backbone, replace(FORM, modality="vision"), batch)
    ((*prompts,),) = class_prompts("shapes", ANSWERS)
    assert prompts[0] == "a photo of a red ."
    assert torch.allclose(found[1], cosines(backbone, batch.pixels[1, 0], *prompts), atol=1e-4)


def test_several_templates_of_a_task_are_averaged(backbone: DualBackbone) -> None:
    form = AnswerForm(task="digits", outputs=2, images=1, answers=("red", "blue"), modality="vision")
    found = logits(backbone, form, batch_of(backbone, "this is an image"))
    assert len(class_prompts("digits", form.answers)) == 2
    assert found.shape == (1, 2)


def test_templates_that_a_task_names_take_the_place_of_the_usual_ones(backbone: DualBackbone) -> None:
    templates = ("a {} .", "there is a {} in the image .")
    form = replace(FORM, modality="vision", templates=templates)
    batch = batch_of(backbone, "this is an image")
    features = []
    for template in templates:
        rows = torch.from_numpy(backbone.processor.token_rows([template.format(one) for one in ANSWERS])[0]).long()
        features.append(normalize(backbone.text_features(rows, rows != backbone.processor.pad_id), dim=-1))
    mean = torch.stack(features).mean(0)  # of unit vectors, as CLIP has it
    image = backbone.image_features(batch.pixels[0])
    expected = cosine_similarity(image, mean) * torch.tensor(backbone.log_scale).exp()
    assert torch.allclose(logits(backbone, form, batch)[0], expected, atol=1e-4)


def test_texts_that_compete_are_compared_as_they_are(backbone: DualBackbone) -> None:
    batch = batch_of(backbone, "a red circle", "a blue star", choices=2)
    found = logits(backbone, replace(FORM, outputs=1, answers=()), batch)
    assert torch.allclose(found[0], cosines(backbone, batch.pixels[0, 0], "a red circle", "a blue star"), atol=1e-4)


def test_two_images_count_alike(backbone: DualBackbone) -> None:
    batch = batch_of(backbone, "a red circle", images=2)
    swapped = replace(batch, pixels=batch.pixels.flip(1))
    form = replace(FORM, images=2)
    assert torch.allclose(logits(backbone, form, batch), logits(backbone, form, swapped), atol=1e-4)


def test_what_has_no_image_or_no_features_to_compare_is_refused(backbone: DualBackbone) -> None:
    with pytest.raises(AtlasError, match="shapes: .* its records have no image"):
        Similarity.build(backbone, replace(FORM, modality="language"))
    with pytest.raises(AtlasError, match="vilt-tiny has none of both: give a backbone of two encoders"):
        Similarity.build(load("vilt-tiny"), FORM)


def test_a_learner_says_the_readouts_that_it_works_with() -> None:
    with pytest.raises(AtlasError, match="'lwf' does not work with .* give --readout head, or another --learner"):
        Lwf().with_readout("similarity")
    for kind in LEARNERS.values():
        assert "readout" not in kind().settings()
        if kind is not Lwf:
            assert kind().with_readout("similarity").settings()["readout"] == "similarity"


def test_zero_shot_is_a_step_that_trains_nothing(tmp_path: Path) -> None:
    from atlas.steps.step import Evaluation
    from atlas.storage.store import Store
    from atlas.tasks import TASKS
    from tests.small import make_world

    tasks = ("digits", "easy-vqa")
    world = make_world(
        "clip-tiny", tmp_path / "data", [TASKS[name] for name in tasks], {"train": 8, "val": 8, "test": 64}
    )
    world = replace(world, step_inputs=replace(world.step_inputs, evaluation=Evaluation(val=8, test=64)))
    store, scores = Store.open(str(tmp_path / "store")), {}
    for task in tasks:
        (step,) = world.walk(task, learner=ZeroShot())
        assert stage_from(step.stage.settings()) == step.stage
        (result,) = world.learn([step], store)
        assert (result.trained_parameters, result.updates) == (0, 0)
        scores[task] = result.scores.latest.test[task]
    assert scores["digits"] > 20  # chance: 10; 46.7 of all records
