"""Route `free`: a picture is named among the classes of several tasks, so that nobody says which task it is of.

The protocol of X-TAIL (Xu et al., 2024, arXiv:2406.18868): one label space over all tasks, learnt or still to come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cached_property

import torch
from torch import Tensor, nn

from atlas.backbones.dual.backbone import DualBackbone
from atlas.data.loader import Batch
from atlas.learners.adapter_router import router_of
from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import REMEDY, Diverged
from atlas.learners.evaluation_records import read_batches, records_scored
from atlas.learners.out_of_memory import InParts
from atlas.learners.precision import autocast
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts.prompted import PromptedReadout
from atlas.learners.readouts.readout import Readout
from atlas.learners.readouts.ridge import FusedRidge
from atlas.learners.readouts.routed import RoutedReadout
from atlas.learners.readouts.similarity import Similarity
from atlas.learners.schedule import Precision
from atlas.learners.task_data import TaskData
from atlas.runtime.text import counted
from atlas.tasks.reading.answers import normalise

TEXTS_AT_ONCE = 512


class LabelSpace:
    """The classes of several tasks, by the features of their prompts as the model is now.

    The answer to a picture is argmax_k cos(image, text_k), k over the classes of all tasks, each by its own task's
    templates. Of L2P the image is prompted from the pool. Of RAIL, with p = softmax(s cos(image, text)): where the
    greatest p is that of a class of a task that was solved, it is argmax_k (1 − β) p_k + β φ(x) W_k, with W_k = 0 for
    the classes of other tasks. The scale that a task was trained with takes no part: it would favour one task over
    another. Classes of two tasks with the same words (as answers of VQA are compared: case, articles and marks apart)
    are one: whichever task's prompt is likest, the answer is right. The adapters that are active are those of route
    `latest`; of routed adapters those that the router chooses for a picture, by which all classes are encoded, too.
    """

    def __init__(self, model: ContinualModel, answers: Mapping[str, tuple[str, ...]], precision: Precision) -> None:
        """`answers`: task → its classes. Each task has pictures alone, and a readout that compares them with names."""
        assert isinstance(model.backbone, DualBackbone)
        self.model, self.backbone, self.precision = model, model.backbone, precision
        self.answers, self.router = dict(answers), router_of(model)
        self.routed: dict[str, Tensor] = {}
        model.backbone.frozen.suit(model.device)
        self.texts = self._all_texts()

    def _all_texts(self) -> Tensor:
        """Unit features [Σ K, P] of the classes of all tasks, by the adapters that are active."""
        with torch.no_grad(), autocast(self.model.device, self.precision):
            return torch.cat([self._texts(task) for task in self.answers])

    def _routed_cosines(self, task: str, batch: Batch) -> Tensor:
        """The cosines by the adapters of `task`, which are active."""
        if task not in self.routed:
            self.routed[task] = self._all_texts()
        return nn.functional.normalize(self._images(batch).mean(1), dim=-1) @ self.routed[task].T

    def _texts(self, task: str) -> Tensor:
        """Unit features [K, P] of the task's classes: the mean of those of their prompts."""
        readout = comparing(self.model.readout(task))
        assert readout.prompts is not None
        prompts, padding = readout.prompts, self.backbone.processor.pad_id
        parts = prompts.flatten(0, 1).split(TEXTS_AT_ONCE)
        found = torch.cat([self.backbone.text_features(part, part != padding) for part in parts]).float()
        mean = nn.functional.normalize(found, dim=-1).unflatten(0, prompts.shape[:2]).mean(0)
        return nn.functional.normalize(mean, dim=-1)

    @cached_property
    def words(self) -> Tensor:
        """For each class of all tasks the number of its words, long [Σ K]: equal where the words are."""
        numbers: dict[str, int] = {}
        named = [normalise(answer) or answer for answers in self.answers.values() for answer in answers]
        return torch.tensor([numbers.setdefault(name, len(numbers)) for name in named], device=self.texts.device)

    def first_class(self, task: str) -> int:
        """The place of the task's first class among those of all."""
        names = list(self.answers)
        return sum(len(self.answers[name]) for name in names[: names.index(task)])

    def cosines(self, batch: Batch) -> Tensor:
        """The cosines of records' pictures and all classes, [B, Σ K]; of several pictures the mean."""
        if self.router is not None:
            return self.router.answer(batch, next(iter(self.answers)), self._routed_cosines)
        return self._cosines(self._images(batch))

    def values(self, batch: Batch) -> Tensor:
        """The value of every class for records' pictures, of which the greatest is the answer: [B, Σ K]."""
        if self.router is not None:
            return self.cosines(batch)
        images = self._images(batch)
        cosines = self._cosines(images)
        return self._fused(images, cosines) if self.regressions else cosines

    @cached_property
    def regressions(self) -> dict[str, FusedRidge]:
        """The readouts of tasks that RAIL has solved."""
        found = {task: self.model.readout(task) for task in self.answers}
        return {task: readout for task, readout in found.items() if isinstance(readout, FusedRidge)}

    def _fused(self, images: Tensor, cosines: Tensor) -> Tensor:
        zero_shot = (math.exp(self.backbone.log_scale) * cosines).softmax(-1)
        regressed, solved = torch.zeros_like(zero_shot), torch.zeros_like(zero_shot, dtype=torch.bool)
        for task, readout in self.regressions.items():
            first = self.first_class(task)
            classes = slice(first, first + len(self.answers[task]))
            regressed[:, classes], solved[:, classes] = readout.answer_images(images), True
        share = next(iter(self.regressions.values())).made_of.share
        known = solved.gather(1, zero_shot.argmax(1, keepdim=True))
        return torch.where(known, torch.lerp(zero_shot, regressed, share), zero_shot)

    def _cosines(self, images: Tensor) -> Tensor:
        return nn.functional.normalize(images.mean(1), dim=-1) @ self.texts.T

    def _images(self, batch: Batch) -> Tensor:
        """The features of records' pictures, of length 1: [B, I, P]."""
        prompted = [one for task in self.answers if isinstance(one := self.model.readout(task), PromptedReadout)]
        around = self.backbone.prompted(prompted[0].choose(self.backbone, batch)[0]) if prompted else nullcontext()
        with around:
            images = self.backbone.image_features(batch.pixels.flatten(0, 1)).float()
        return nn.functional.normalize(images, dim=-1).unflatten(0, batch.pixels.shape[:2])

    def score(self, data: TaskData, split: str, *, limit: int | None, group: ProcessGroup) -> float:
        """The share of a task's records whose answer has the words of their class, in percent.

        Of the same records as `evaluation.score` takes for `limit`.

        Raises:
            Diverged: features of a record are not finite.
        """
        part = data.splits[split]
        first = self.first_class(data.name)
        sums = torch.zeros(3, dtype=torch.float64, device=group.device)
        values_of = InParts(self.values, torch.cat)
        with torch.no_grad(), autocast(group.device, self.precision):
            for numbers, batch in read_batches(part, group.shard(records_scored(part, limit)), group):
                values = values_of(batch)
                right = self.words[values.argmax(1)] == self.words[batch.targets + first]
                finite = values.isfinite().all(1)
                sums += torch.stack([right.double().sum(), torch.tensor(len(numbers)).to(sums), (~finite).sum()])
        total = group.all_reduce(sums)
        if total[2]:
            unfit = counted(int(total[2]), f"{split} record")
            raise Diverged(f"the features of {unfit} of {data.name}, or of its classes, are not finite; {REMEDY}")
        return 100.0 * float(total[0] / total[1])


def comparing(readout: Readout) -> Similarity:
    """The part of a readout that compares pictures with names."""
    found = readout.answering if isinstance(readout, PromptedReadout | RoutedReadout) else readout
    found = found.similarity if isinstance(found, FusedRidge) else found
    assert isinstance(found, Similarity)
    return found
