"""A dual encoder as a frozen backbone: a vision and a text tower whose features are compared or concatenated."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from atlas.backbones.attention import attend_without_waiting
from atlas.backbones.backbone import Backbone, Tower
from atlas.backbones.checkpoint import load_whole
from atlas.backbones.config import read_json
from atlas.backbones.insertion import before_tokens
from atlas.backbones.processor import Processor

TOWERS = {"vision": "vision_model", "text": "text_model"}
# Leaves out the pooling heads, whose modules have the same last names.
SITES = r"{tower}\.encoder\.layers\.\d+\.(?:self_attn\.out_proj|mlp\.fc2)"


class DualBackbone(Backbone):
    """A frozen model with `vision_model` and `text_model`, and its processor.

    The pooled output of an image with a text is the image's features and then the text's, D = 2 P. Equal texts of a
    batch are encoded once, as far as they are told apart. `layer_of` counts from the top layer, which both towers have
    in common. `log_scale` is the logarithm of the factor by which the model multiplies cosines, and `bias` what it adds
    then. `contrast`: how it was trained on pairs: each told from all others of its batch (`softmax`), or every image
    and text taken for a pair or for none (`sigmoid`).
    """

    model_class: type[PreTrainedModel]
    contrast: Literal["softmax", "sigmoid"] = "softmax"

    def __init__(self, model: PreTrainedModel, *, processor: Processor, digest: str) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.processor, self.digest = processor, digest
        self.features = self.features_of(model)
        self.width = 2 * self.features
        self.log_scale = float(_as_buffer(model, "logit_scale"))
        self.bias = float(_as_buffer(model, "logit_bias"))
        self.prompt_width = self.towers["vision"].width
        self.depth = max(tower.depth for tower in self.towers.values())
        scale, mean = (255 * torch.tensor(v).view(3, 1, 1) for v in (processor.std, processor.mean))
        self.pixel_mean, self.pixel_scale = (nn.Buffer(v, persistent=False) for v in (mean, scale))
        attend_without_waiting(self._model.text_model, padding=False)

    @staticmethod
    @abstractmethod
    def features_of(model: PreTrainedModel) -> int:
        """P, the width of an image's or a text's features."""

    @abstractmethod
    def text_inputs(self, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The arguments of the model's `get_text_features` for tokens [N, L], of which `mask` [N, L] are no padding."""

    def text_scope(self, mask: Tensor) -> AbstractContextManager[None]:
        """A context of the text tower, `mask` [N, L] true where a token is no padding: by default α is of all."""
        return nullcontext()

    @property
    def _model(self) -> Any:
        """The model; PreTrainedModel does not declare the features of its subclasses."""
        return self.model

    @property
    def towers(self) -> Mapping[str, Tower]:
        return {name: self._tower(module) for name, module in TOWERS.items()}

    def _tower(self, module: str) -> Tower:
        config = getattr(self.model, module).config
        return Tower(
            width=config.hidden_size,
            heads=config.num_attention_heads,
            depth=config.num_hidden_layers,
            sites=SITES.format(tower=module),
        )

    def forward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Every image goes through the vision tower once, and every different text through the text tower."""
        images = self.image_features(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2])
        texts = self._texts(tokens, mask)
        choices, count = tokens.shape[1], pixels.shape[1]
        pairs = [images[:, None].expand(-1, choices, -1, -1), texts[:, :, None].expand(-1, -1, count, -1)]
        return torch.cat(pairs, dim=-1).flatten(2)

    def prompted(self, prompts: Tensor) -> AbstractContextManager[None]:
        """In the vision tower, before the tokens of each of a record's images."""
        return before_tokens(self._model.vision_model.encoder, prompts)

    def _texts(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Features [B, C, P]. On a CPU equal texts are found; a GPU would be waited for, so that it encodes one row of
        texts where all records share it, and every text otherwise.
        """
        if tokens.device.type == "cpu":
            return self.text_features(tokens.flatten(0, 1), mask.flatten(0, 1)).unflatten(0, tokens.shape[:2])
        rows = 1 if tokens.stride(0) == 0 else len(tokens)
        return self.all_text_features(tokens[:rows], mask[:rows]).expand(len(tokens), -1, -1)

    def all_text_features(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens [B, C, L], mask bool [B, C, L] -> features [B, C, P], each text encoded."""
        padding = self.processor.pad_id
        tokens = tokens.flatten(0, 1).masked_fill(~mask.flatten(0, 1), padding)
        return self._encoded(tokens).unflatten(0, mask.shape[:2])

    def image_features(self, pixels: Tensor) -> Tensor:
        """uint8 [N, 3, S, S] -> features [N, P]."""
        values = ((pixels - self.pixel_mean) / self.pixel_scale).to(self.model.dtype)
        features: Tensor = self._model.get_image_features(pixel_values=values).pooler_output
        return features

    def text_features(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens [N, L], mask bool [N, L] -> features [N, P]."""
        padding = self.processor.pad_id
        different, place = torch.unique(tokens.masked_fill(~mask, padding), dim=0, return_inverse=True)
        return self._encoded(different)[place]

    def _encoded(self, tokens: Tensor) -> Tensor:
        """tokens [N, L] of texts, padded -> features [N, P]."""
        mask = tokens != self.processor.pad_id
        with self.text_scope(mask):
            features: Tensor = self._model.get_text_features(**self.text_inputs(tokens, mask)).pooler_output
        return features

    def layer_of(self, parameter: str) -> int | None:
        tower, *parts = parameter.split(".")
        if parts[:1] == ["embeddings"] or parts[:1] == ["pre_layrnorm"]:
            return -1
        if parts[:2] != ["encoder", "layers"]:
            return None
        depth = getattr(self.model, tower).config.num_hidden_layers
        return int(parts[2]) + self.depth - int(depth)


def load_backbone(folder: Path, *, digest: str) -> DualBackbone:
    """The backbone in that folder, in float32. Raises UserError where weights are missing or cannot be read."""
    member = str(read_json(folder / "config.json")["model_type"])
    kind: type[DualBackbone] = import_module(f"atlas.backbones.dual.{member}").BACKBONE
    return kind(_load_model(kind.model_class, folder), processor=Processor.load(folder), digest=digest)


def _as_buffer(model: PreTrainedModel, name: str) -> Tensor:
    """A number of the model's own loss, which takes no part in features, as a buffer: so it is never tuned."""
    value = getattr(model, name, torch.zeros(1))
    if isinstance(value, nn.Parameter):
        delattr(model, name)
        model.register_buffer(name, value.detach().clone(), persistent=False)
    return value.detach()


def _load_model(kind: type[PreTrainedModel], folder: Path) -> PreTrainedModel:
    found: PreTrainedModel = load_whole(kind, folder, named=f"a {kind.__name__}", dtype=torch.float32)
    return found
