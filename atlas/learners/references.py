"""Reference records of a distillation in feature space: what is compared, and how alike it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from atlas.backbones.dual.backbone import DualBackbone
from atlas.data.loader import Batch
from atlas.learners.continual_model import ContinualModel
from atlas.learners.fit import batches
from atlas.learners.readouts.prompts import class_prompts
from atlas.learners.task_data import TaskData

SCALE = 1 / 0.07  # of cosines, where a model has none of its own: that at which CLIP's training starts
SELF = -1e4  # in the place of a record's likeness to itself


class ReferenceRecords:
    """Batches of `size` training records of a task, drawn from a seed, with texts to compare their images with.

    The texts are the records' own, or their first captions; of a task without any, the names of classes drawn from
    those of the tasks `named`, in their first prompts.
    """

    def __init__(self, model: ContinualModel, data: TaskData, *, named: Sequence[str], size: int, seed: int) -> None:
        self.model, self.data, self.train = model, data, data.splits["train"]
        self.dual = isinstance(model.backbone, DualBackbone)
        self.scale = float(torch.tensor(model.backbone.log_scale).exp()) if self.dual else SCALE
        self.prompts = self._class_prompts(named) if self.dual and data.modality == "vision" else None
        self.stream = batches(len(self.train), size, sys.maxsize, seed)
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self) -> tuple[Tensor, Tensor | None]:
        """The numbers of the next batch's records [N], and of the prompts beside them [N], where there are prompts."""
        indices = next(self.stream)
        if self.prompts is None:
            return indices, None
        return indices, torch.randint(len(self.prompts), (len(indices),), generator=self.generator)

    def batch(self, indices: Tensor, prompts: Tensor | None) -> Batch:
        """The drawn records on the model's device, with one text each."""
        found, processor = self.train.batch(indices), self.model.backbone.processor
        tokens = found.tokens[:, :1] if prompts is None or self.prompts is None else self.prompts[prompts][:, None]
        if self.dual and self.data.kind == "captions":
            assert found.references is not None
            rows, _ = processor.token_rows([captions[0] for captions in found.references])
            tokens = torch.from_numpy(rows).long()[:, None]
        mask = tokens != processor.pad_id
        return self.model.given(replace(found, tokens=tokens, mask=mask).to(self.model.device), self.data.name)

    def similarities(self, batch: Batch, weights: dict[str, Tensor] | None = None) -> Tensor:
        """s · cos of every image and text [N · I, N], by the model as it is, or with other `weights` of the backbone.

        Of a backbone without features of both: of the outputs for every two records [N, N], but for one with itself.
        """
        given = (batch.pixels, batch.tokens, batch.mask)
        pooled = (
            self.model.backbone(*given) if weights is None else functional_call(self.model.backbone, weights, given)
        )
        with torch.autocast(pooled.device.type, enabled=False):
            if not self.dual:
                outputs = nn.functional.normalize(pooled[:, 0].float(), dim=-1)
                itself = torch.eye(len(outputs), dtype=torch.bool, device=outputs.device)
                return (self.scale * outputs @ outputs.T).masked_fill(itself, SELF)
            parts = nn.functional.normalize(pooled[:, 0].float().unflatten(-1, (-1, 2, self._features)), dim=-1)
            return self.scale * parts[:, :, 0].flatten(0, 1) @ parts[:, 0, 1].T

    @property
    def _features(self) -> int:
        assert isinstance(self.model.backbone, DualBackbone)
        return self.model.backbone.features

    def _class_prompts(self, named: Sequence[str]) -> Tensor | None:
        """The tokens [K, L] of the classes of these tasks, as wide as the longest; None where they have none."""
        forms = [self.model.forms[task] for task in named]
        texts = [
            text
            for form in forms
            if form.modality == "vision"
            for text in class_prompts(form.task, form.answers, form.templates)[0]
        ]
        if not texts:
            return None
        processor = self.model.backbone.processor
        tokens = torch.from_numpy(processor.token_rows(texts)[0]).long()
        return tokens[:, : int((tokens != processor.pad_id).sum(1).max())]


def distillation(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T² H(softmax(teacher / T), softmax(student / T)) over the columns, averaged over the rows of [N, M]: a scalar."""
    target = (teacher / temperature).softmax(-1)
    return -(target * (student / temperature).log_softmax(-1)).sum(-1).mean() * temperature**2
