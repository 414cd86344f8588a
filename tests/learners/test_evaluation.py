"""Evaluation by texts: by a readout that writes them, on one worker and on several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from atlas.backbones.backbone import Backbone
from atlas.backbones.processor import Processor
from atlas.data.loader import Batch
from atlas.data.prepare import prepare
from atlas.learners.continual_model import ContinualModel
from atlas.learners.evaluation import score
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts.readout import AnswerForm, Readout
from atlas.learners.scores import NO_ANSWER, SCORES, classes_of
from atlas.learners.task_data import TaskData
from atlas.steps.train import open_task
from atlas.tasks import Task
from tests.backbones.toys import NAMES, PAIRS, SHADES
from tests.small import World

WORDS = ("None", "the one", "owt")  # what the readout writes for pixels of a record's number modulo three


class Parrot(Readout):
    """Writes by the first token of a record's text: right for two of three."""

    name = "parrot"
    writes = True

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Parrot:
        return cls()

    def logits(self, pooled: Tensor) -> Tensor:
        raise AssertionError("a readout that writes is not asked for logits")

    def write(self, backbone: Backbone, batch: Batch) -> list[str]:
        numbers = (batch.tokens[:, 0, 1] - 4).tolist()  # word0 is the token 4
        return [f"ANSWER {number % 3}" if number % 3 else "no idea" for number in numbers]


class Namer(Parrot):
    """Names classes in words, spelt as VQA's answers are compared, or none of them."""

    def write(self, backbone: Backbone, batch: Batch) -> list[str]:
        return [WORDS[(number - 4) % 3] for number in batch.tokens[:, 0, 1].tolist()]


class Model:
    """A model as far as evaluation asks it."""

    def __init__(self, readout: Readout) -> None:
        self.found = readout

    def readout(self, task: str) -> Readout:
        return self.found

    def write(self, batch: Batch, task: str) -> list[str]:
        return self.found.write(cast(Any, None), batch)


class SmallMemory(Model):
    """A model on a device whose memory holds two records."""

    def write(self, batch: Batch, task: str) -> list[str]:
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().write(batch, task)


class Workers(ProcessGroup):
    """One of two processes, of which the other's texts are known."""

    def gather(self, value: Any) -> list[Any]:
        self.others.append(value)
        return self.others

    def all_reduce(self, values: Tensor) -> Tensor:
        return torch.stack(self.gather(values)).sum(0)

    @property
    def others(self) -> list[Any]:
        return self.__dict__.setdefault("said", [])


def opened(task: Task, processor: Processor, root: Path) -> TaskData:
    return open_task(prepare(task, processor=processor, root=root).path)


@pytest.fixture(scope="module")
def names(processor: Processor, tmp_path_factory: pytest.TempPathFactory) -> TaskData:
    return opened(NAMES, processor, tmp_path_factory.mktemp("names"))


def scored(readout: Readout, data: TaskData, split: str, kind: type[Model] = Model, **options: Any) -> float:
    options = {"limit": None, "group": ProcessGroup()} | options
    return score(cast(ContinualModel, kind(readout)), data, split, **options)


def test_free_texts_are_scored_by_the_task_s_own_score(names: TaskData) -> None:
    assert scored(Parrot(), names, "test") == pytest.approx(100 * 4 / 7)  # of 0…6, 0, 3 and 6 are wrong
    assert scored(Parrot(), replace(names, scoring="exact"), "test") == 0.0  # the case is another


def test_the_texts_of_all_workers_are_scored_together_in_the_order_of_their_records(
    names: TaskData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BLEU does not add up over records: shares scored apart and averaged would be another figure."""
    seen: list[tuple[Sequence[str], Sequence[Sequence[str]]]] = []

    class Noted:
        def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
            seen.append((predictions, references))
            return 1.0

    monkeypatch.setitem(cast(dict[str, Any], score.__globals__["TEXT_SCORES"]), "exact-lower", Noted())
    scored(Parrot(), names, "test")
    said: list[Any] = []
    for rank in range(2):
        group = Workers(rank=rank, size=2)
        group.__dict__["said"] = said
        scored(Parrot(), names, "test", group=group)
    assert seen[-1] == seen[0]
    assert len(seen[0][0]) == 7


def test_a_limit_scores_a_sample(names: TaskData) -> None:
    assert scored(Parrot(), names, "test", limit=1) in (0.0, 100.0)


def test_a_worker_that_a_sample_has_no_record_for_adds_nothing(names: TaskData, small_world: World) -> None:
    model = small_world.model()
    model.ensure_head("digits", torch.Generator().manual_seed(0))
    digits = small_world.worker_context.data["digits"]
    for scorer, data in ((model, digits), (cast(ContinualModel, Model(Parrot())), names)):
        whole = score(scorer, data, "test", limit=1, group=ProcessGroup())
        groups = [Workers(rank=rank, size=2) for rank in range(2)]
        said: list[Any] = []
        for group in groups:
            group.__dict__["said"] = said
        found = [score(scorer, data, "test", limit=1, group=group) for group in groups]
        assert found == [whole, whole]
    model.detach()


def test_classes_are_found_in_what_a_readout_writes(processor: Processor, tmp_path: Path) -> None:
    shades = opened(SHADES, processor, tmp_path)
    assert scored(Namer(), shades, "test") == pytest.approx(100 * 5 / 7)  # `owt`, twice, is no class


def test_words_name_classes_as_vqa_compares_answers() -> None:
    assert classes_of(["Two", "The none.", "three"], ("none", "one", "two")).tolist() == [2, 0, NO_ANSWER]


def test_classes_that_vqa_would_not_tell_apart_are_told_apart_by_their_words() -> None:
    answers = ("A", "B", "the cat", "cat")
    assert classes_of(["a", "b.", "Cat", "the  cat", "a cat"], answers).tolist() == [0, 1, 3, 2, 3]
    assert classes_of(["", "the", "?"], answers).tolist() == [NO_ANSWER] * 3


def test_no_class_is_worth_nothing() -> None:
    answers = torch.tensor([NO_ANSWER, 1])
    assert SCORES["soft"].values(answers, torch.tensor([[1.0, 0.3], [0.0, 0.3]])).tolist() == [
        0.0,
        pytest.approx(0.3),
    ]
    assert SCORES["accuracy"].values(answers, torch.tensor([0, 1])).tolist() == [0.0, 1.0]
    assert PAIRS.answer_kind == "soft"


def test_writing_cuts_batches_that_memory_does_not_hold(names: TaskData, processor: Processor, tmp_path: Path) -> None:
    for readout, data in ((Parrot(), names), (Namer(), opened(SHADES, processor, tmp_path))):
        assert scored(readout, data, "test", SmallMemory) == scored(readout, data, "test")
