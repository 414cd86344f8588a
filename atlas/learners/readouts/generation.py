"""The readout `generation`: the answer that the model writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from atlas.backbones.generative.decoding import generate
from atlas.learners.readouts import GENERATION
from atlas.learners.readouts.worded import Worded, generative

if TYPE_CHECKING:
    from atlas.backbones.backbone import Backbone
    from atlas.data.loader import Batch

MOST = 64  # tokens of a free text; the longest class's where answers are classes


class Generation(Worded):
    """The likeliest token after another, until the model ends its answer or has written as many as it may."""

    name: ClassVar[str] = GENERATION
    writes: ClassVar[bool] = True

    def write(self, backbone: Backbone, batch: Batch) -> list[str]:
        most = max(map(len, self.answers)) if self.answers else MOST
        found = generate(generative(backbone), batch.pixels, batch.tokens, batch.mask, most=most, end=self.prompts.end)
        return [self.prompts.text(tokens) for tokens in found]
