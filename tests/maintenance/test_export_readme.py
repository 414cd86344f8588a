"""What a person with PEFT alone does with an export: in a process of its own, by the README's lines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from atlas.learners import AdapterFusion, Learner, Lwf, Memory, MoeAdapters, Rail, Replay
from atlas.learners.continual_model import ContinualModel
from atlas.maintenance.export import Sources, export_step
from atlas.runtime.errors import AtlasError
from atlas.serving.model_record import ServedTask
from atlas.steps.train import load_model
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, atlas

ORDER = ("digits", "easy-vqa", "easy-pair", "piqa-twin")
QUESTION = "what color is the shape ?"
CHOICES = ["put the red circle on it", "eat the blue square"]
UNIMPORTED = """
import json, sys
from peft import AutoPeftModel, PeftModel
from torch import nn
for load, given in ((AutoPeftModel.from_pretrained, ()), (PeftModel.from_pretrained, (nn.Linear(2, 2),))):
    try:
        load(*given, "digits")
    except KeyError as error:
        print(json.dumps(str(error)))
"""
SHORT = """
import json, torch
torch.manual_seed(0)
out = model.base_model.model(
    input_ids=torch.ones(1, 5).long(), attention_mask=torch.ones(1, 5).long(), pixel_values=torch.ones(1, 3, 64, 64) / 3
)
print(json.dumps(out.pooler_output[0].tolist()))
"""
ASKED = """
import json
from PIL import Image
picture = Image.open({picture!r})
for task, texts, pictures in (
    ("digits", ["this is an image ."], [picture]),
    ("easy-vqa", [{question!r}], [picture]),
    ("easy-pair", [{question!r}], [picture, picture]),
    ("piqa-twin", {choices!r}, []),
):
    word = answer(task, texts, pictures)
    with torch.no_grad():
        print(json.dumps([word, logits(task, texts, pictures).tolist()]))
"""


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a walk over four forms of tasks on the shipped backbone."""
    store = Store.open(str(tmp_path_factory.mktemp("trained") / "store"))
    world.learn(world.walk(*ORDER), store)
    return store


@pytest.fixture(scope="module")
def exported(trained: Store, world: World, data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("an export") / "stack"
    export_step(trained, world.walk(*ORDER)[-1].key, folder, sources=Sources(data=data_root))
    return folder


@pytest.fixture(scope="module")
def picture(exported: Path) -> Path:
    made = exported.parent / "picture.png"
    image = Image.radial_gradient("L").resize((90, 70))
    Image.merge("RGB", (image, image.rotate(90), image.rotate(180))).save(made)
    return made


def code_of(folder: Path, number: int) -> str:
    """A block of the README's code."""
    return re.findall(r"```(?:python)?\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[number]


def run(code: str, folder: Path) -> list[object]:
    """The lines of JSON that a fresh process prints, in the export's folder."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(model: ContinualModel, world: World, task: str, picture: Path) -> list[float]:
    """The logits of the store's step for the picture and the question, or the choices."""
    from atlas.serving.request import Request

    served = ServedTask.of(world.prepared[task].card)
    images = [] if task == "piqa-twin" else [encoded(picture)] * served.images
    text = {"piqa-twin": json.dumps(CHOICES), "digits": ""}.get(task, QUESTION)
    image = images[0] if len(images) == 1 else json.dumps(images) if images else ""
    batch = Request(task=task, text=text, image=image).batch(served, world.worker_context.backbone.processor)
    model.activate(task)
    with torch.no_grad():
        found: list[float] = model(batch, task)[0].tolist()
    return found


def encoded(picture: Path) -> str:
    import base64

    return base64.b64encode(picture.read_bytes()).decode()


@pytest.fixture(scope="module")
def printed(exported: Path, picture: Path) -> list[object]:
    """What one fresh process prints: loading without the import, then by the three lines, then by the longer code."""
    three = code_of(exported, 0) + "model.base_model.activate('piqa-twin')\nmodel.eval()\n"
    asked = ASKED.format(picture=str(picture), question=QUESTION, choices=CHOICES)
    return run(UNIMPORTED + three + SHORT + code_of(exported, 1) + SHORT + asked, exported)


def test_a_process_of_its_own_reads_the_answers_of_the_stores_step(
    printed: list[object], trained: Store, world: World, picture: Path
) -> None:
    found = dict(zip(ORDER, printed[-len(ORDER) :], strict=True))
    model = load_model(world.walk(*ORDER)[-1], world.worker_context, trained)
    try:
        for task, given in found.items():
            assert isinstance(given, list)
            wanted = expected(model, world, task, picture)
            assert given[1] == pytest.approx(wanted, abs=1e-4), task
            words = world.prepared[task].card.answers
            best = max(range(len(wanted)), key=wanted.__getitem__)
            assert given[0] == (words[best] if words else best)
    finally:
        model.detach()


LEARNERS = (Replay(schedule=SCHEDULE, memory=Memory(records=4)), Lwf(schedule=SCHEDULE))
LOGITS = """
import json
from PIL import Image
picture = Image.open({picture!r})
for task, text in (("digits", "this is an image ."), ("easy-vqa", {question!r})):
    with torch.no_grad():
        print(json.dumps(logits(task, [text], [picture]).tolist()))
"""


def test_a_backbone_that_was_trained_and_heads_that_were_trained_again_are_loaded(
    world: World, data_root: Path, picture: Path, tmp_path: Path, store: Store
) -> None:
    code, wanted = "import os\n", []
    for number, learner in enumerate(LEARNERS):
        steps, folder = world.walk("digits", "easy-vqa", learner=learner), tmp_path / f"stack-{number}"
        world.learn(steps, store)
        export_step(store, steps[-1].key, folder, sources=Sources(data=data_root))
        code += f"os.chdir({str(folder)!r})\n{code_of(folder, 1)}"
        code += LOGITS.format(picture=str(picture), question=QUESTION)
        model = load_model(steps[-1], world.worker_context, store)
        try:
            wanted += [expected(model, world, task, picture) for task in ("digits", "easy-vqa")]
        finally:
            model.detach()
    for given, logits in zip(run(code, tmp_path), wanted, strict=True):
        assert given == pytest.approx(logits, abs=1e-4)


@pytest.mark.parametrize(
    ("learner", "said"),
    [
        (
            AdapterFusion(like=atlas(), composition=SCHEDULE),
            "does not load composition.safetensors of easy-vqa, the attention over adapters",
        ),
        (
            MoeAdapters(schedule=SCHEDULE, experts=2, rank=2, records=4),
            "does not load routing.safetensors of digits, easy-vqa, the routers over experts",
        ),
        (Rail(hidden=16), "reads heads: digits, easy-vqa was trained with the readout `ridge`, which has none"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_the_code_does_not_load_is_said(
    learner: Learner, said: str, small_world: World, store: Store, tmp_path: Path
) -> None:
    steps = small_world.walk("digits", "easy-vqa", learner=learner)
    small_world.learn(steps, store)
    export_step(store, steps[-1].key, tmp_path / "stack")
    assert said in " ".join((tmp_path / "stack" / "README.md").read_text().split())


def test_without_the_import_peft_says_what_to_import_and_the_three_lines_with_it_load_the_same_model(
    printed: list[object],
) -> None:
    *said, short, long = printed[: -len(ORDER)]
    assert len(said) == 2
    assert all("run `import atlas.adapters` first (pip install atlas-continual)" in str(line) for line in said)
    assert short == pytest.approx(long, abs=1e-6)


def test_an_export_says_where_it_lacks_answers_or_a_processor(
    trained: Store, world: World, tmp_path: Path, small_folder: Path
) -> None:
    key = world.walk(*ORDER)[-1].key
    export_step(trained, key, tmp_path / "bare")
    text = (tmp_path / "bare" / "README.md").read_text()
    assert "The answers of digits, easy-vqa, easy-pair, piqa-twin are not here" in text
    assert (tmp_path / "bare" / "processor" / "tokenizer.json").is_file()
    with pytest.raises(
        AtlasError, match=r"trained on the backbone \w{12}, .* is \w{12}; give the one it was trained on"
    ):
        export_step(trained, key, tmp_path / "other", sources=Sources(backbone=str(small_folder)))
    assert not (tmp_path / "other").exists()
