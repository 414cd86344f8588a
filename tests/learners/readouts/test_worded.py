"""The loss of answers in words."""

from __future__ import annotations

from pathlib import Path

import torch

from atlas.backbones import load
from atlas.data.loader import Batch
from atlas.learners.readouts.likelihood import Likelihood
from atlas.learners.readouts.readout import AnswerForm
from tests.backbones.generative.checkpoints import write_llava

TEXTS = ("there is a red circle .", "no blue star", "what is the shape in the image ?")
ANSWERS = ("red", "a blue star", "no circle")


def test_the_losses_of_a_batchs_parts_add_up_to_its_own(tmp_path: Path) -> None:
    """Of records, too, to which nobody gave an answer: parts are accumulated, and workers averaged, as equals."""
    backbone = load(write_llava(tmp_path))
    tokens = torch.from_numpy(backbone.processor.token_rows(TEXTS)[0]).long()[:, None]
    batch = Batch(
        pixels=torch.zeros(3, 1, 3, 32, 32, dtype=torch.uint8),
        tokens=tokens,
        mask=tokens != backbone.processor.pad_id,
        targets=torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.3, 0.0], [0.0, 0.6, 1.0]]),
    )
    readout = Likelihood.build(backbone, AnswerForm(task="one", outputs=3, images=1, answers=ANSWERS, kind="soft"))
    losses = [readout.loss(backbone, part, None)[0] for part in (batch, *batch.chunk(3))]
    assert losses[1] == 0
    assert torch.allclose(losses[0], torch.stack(losses[1:]).mean())
