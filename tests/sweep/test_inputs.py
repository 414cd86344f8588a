from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from atlas.backbones import locate
from atlas.cli import main
from atlas.config.options import Options
from atlas.runtime.errors import AtlasError
from atlas.search.proposals import Proposals
from atlas.steps.step import Evaluation
from atlas.steps.walk import Walk
from atlas.sweep.inputs import resolve_inputs
from atlas.sweep.summary import FinishedSweep
from tests.read_only import read_only
from tests.small import World

ONE = Options.of(tasks=("piqa-twin",))


def test_the_ground_is_laid_once(storage: Path) -> None:
    told: list[tuple[str, int]] = []
    inputs = resolve_inputs(ONE, lambda split, done: told.append((split, done)))
    assert {split for split, _ in told} == {"train", "val", "test"}
    assert inputs.sizes == {"piqa-twin": inputs.prepared["piqa-twin"].counts["train"]}
    assert inputs.prepared["piqa-twin"].path.is_relative_to(storage)
    assert inputs.tracking_uri.startswith("sqlite:///")
    tokens = 16 + inputs.prepared["piqa-twin"].card.text_tokens  # pictures of 4 × 4 patches, texts of 28 at most
    assert inputs.loads() == {"piqa-twin": pytest.approx(2 * tokens / (16 + 28))}
    told.clear()
    again = resolve_inputs(ONE, lambda split, done: told.append((split, done)))
    assert told == []
    assert again.step_inputs == inputs.step_inputs


def test_fewer_tokens_are_prepared_apart_and_train_other_steps(storage: Path) -> None:
    whole, most, cut = (resolve_inputs(ONE.changed(tokens=tokens)) for tokens in (None, 28, 9))
    assert most.step_inputs == whole.step_inputs
    assert cut.step_inputs.data != whole.step_inputs.data
    assert any("texts of train were cut at 9 tokens" in line for line in cut.warnings)


def test_zero_records_score_all(storage: Path) -> None:
    inputs = resolve_inputs(ONE.changed(evaluate=(0, 50)))
    assert inputs.step_inputs.evaluation == Evaluation(val=None, test=50)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tasks": ("digts",)}, "unknown task 'digts'. Did you mean 'digits'"),
        ({"backbone": "vilt-tny"}, "unknown backbone 'vilt-tny'. Did you mean 'vilt-tiny'"),
        ({"backbone": "/nowhere/vilt"}, "there is no folder /nowhere/vilt"),
        ({"tokens": 29}, "--tokens is 29; vilt-tiny takes texts of 3 to 28 tokens"),
        ({"source": ("piqa-twin",)}, "--source 'piqa-twin' is not TASK=FOLDER"),
        ({"source": ("piqa-twin=",)}, "is not TASK=FOLDER"),
        ({"source": ("piqa-twin=/nowhere",)}, "--source piqa-twin=/nowhere: there is no such folder"),
        ({"source": ("piqa-twin=/", "piqa-twin=/tmp")}, "--source is piqa-twin=/ piqa-twin=/tmp; give each task one"),
        ({"source": ("piqa-twn=/",)}, "Did you mean 'piqa-twin'"),
        ({"source": ("piqa-twin=/",)}, "--source names a folder for piqa-twin, which reads none: it is generated, or"),
        ({"source": ("piqa=/",)}, "--source names piqa, which is not in the sweep (piqa-twin): add it to --tasks"),
        ({"readout": "similarity"}, "--readout similarity: the backbone vilt-tiny allows head; give one of those"),
        ({"readout": "similarity", "backbone": "clip-tiny"}, "compares an image with texts, and piqa-twin has none"),
        ({"towers": ("text",)}, "--towers text: the backbone vilt-tiny has one encoder: leave it out"),
        ({"towers": ("txt",), "backbone": "clip-tiny"}, "the backbone clip-tiny has the towers vision and text."),
        ({"tracking_uri": "ftp://host"}, "runs cannot be logged to 'ftp://host'"),
        ({"tracking_uri": "sqlite:///relative.db"}, "must be an absolute path"),
    ],
)
def test_what_cannot_be_stood_on_is_refused(storage: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        resolve_inputs(ONE.changed(**changed))
    assert message in str(refused.value)
    assert not (storage / "data").exists()


TIED = """
from atlas.tasks import Record, Task

def read(split, source):
    return (Record(id=str(n), pictures=(), texts=("as well", "as well"), label=n % 2) for n in range(40))

TASK = Task(
    name="riddles", title="Riddles", modality="language", choices=2, chance=50.0, licence="mine", about="Which one?",
    version=1, read=read, sources=lambda source: {"riddles": "1"},
)
"""


def test_records_that_no_model_can_answer_are_refused_unless_they_were_prepared_on_purpose(
    storage: Path, tmp_path: Path
) -> None:
    (tmp_path / "riddles.py").write_text(TIED)
    options = ONE.changed(tasks=(f"{tmp_path / 'riddles.py'}:TASK",))
    with pytest.raises(AtlasError, match="40 of 40 records of train .*atlas prepare TASK --most-tied SHARE"):
        resolve_inputs(options)
    prepare = ["prepare", *options.search.tasks, "--most-tied", "1", "--storage", str(storage)]
    main(prepare)
    assert resolve_inputs(options).sizes == {"riddles": 40}


def test_a_tracking_server_that_does_not_answer_is_refused(storage: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AtlasError, match="does not answer"):
            resolve_inputs(ONE.changed(tracking_uri=uri))


def test_a_storage_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AtlasError, match="the storage .*file/inner cannot be made.*give another --storage"):
        resolve_inputs(ONE.changed(storage=str(tmp_path / "file" / "inner")))


def test_a_storage_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    with read_only(tmp_path), pytest.raises(AtlasError, match="cannot be"):
        resolve_inputs(ONE.changed(storage=str(tmp_path / "inner")))


def test_an_altered_backbone_is_another_backbone(storage: Path, tmp_path: Path) -> None:
    shutil.copytree(locate("vilt-tiny"), tmp_path / "mine")
    (tmp_path / "mine" / "README.md").unlink()
    before = resolve_inputs(ONE.changed(backbone=str(tmp_path / "mine"))).step_inputs
    weights = tmp_path / "mine" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    after = resolve_inputs(ONE.changed(backbone=str(tmp_path / "mine"))).step_inputs
    assert after.backbone != before.backbone
    assert after.data == before.data


def test_the_plan_knows_what_is_in_the_store_and_how_long_it_took(ended: FinishedSweep, small_world: World) -> None:
    trials = [record.walks for record in ended.trials]
    plan = ended.inputs.plan(Proposals(trials=trials, count=2, exact=True), [], at_once=1)
    assert (plan.distinct, plan.stored, plan.seconds) == (6, 6, 0.0)
    more = [[Walk(order=walk.order, learner=walk.learner, seed=1) for walk in walks] for walks in trials]
    plan = ended.inputs.plan(Proposals(trials=more, count=2, exact=True), [], at_once=1)
    assert (plan.distinct, plan.stored) == (6, 0)
    assert plan.seconds is not None
    assert plan.seconds > 0
