"""An image-text-to-text model as a frozen backbone: a vision tower, whose features stand in a decoder's prompt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel

from atlas.adapters.scope import AlphaScope
from atlas.backbones.attention import attend_without_waiting
from atlas.backbones.backbone import Backbone, Tower
from atlas.backbones.config import read_json
from atlas.backbones.families import read_config
from atlas.backbones.generative import MEMBERS
from atlas.backbones.generative.sequences import Sequences
from atlas.backbones.generative.weights import load_model
from atlas.backbones.insertion import before_tokens
from atlas.backbones.load_options import LoadOptions
from atlas.backbones.processor import Processor

LAYER_SITES = r"{module}\.layers\.\d+\.(?:self_attn\.o_proj|mlp\.down_proj)"


class GenerativeBackbone(Backbone):
    """A frozen model with a vision tower and a decoder, and its processor.

    The pooled output of a text is the decoder's state at its last token, whatever the number of images, D. α of the
    decoder's sites is computed from prompts alone (atlas/adapters/scope.py). `output` gives logits over the vocabulary;
    it is frozen, and no part of `model`. Layers are the decoder's; what stands before it counts as embeddings.
    checkpoints: a layer's states are computed again in the backward pass, and not kept.
    """

    takes_no_image = True
    decoder_name: ClassVar[str]
    vision_name: ClassVar[str]
    vision_sites: ClassVar[str]

    def __init__(self, model: PreTrainedModel, *, processor: Processor, digest: str) -> None:
        super().__init__()
        whole: Any = model
        self.model = whole.model.eval().requires_grad_(False)
        self.output: nn.Linear = whole.lm_head.eval().requires_grad_(False)
        self.processor, self.digest = processor, digest
        assert processor.prompts is not None
        self.image_id = processor.prompts.image_id
        self.config: dict[str, Any] = dict(read_config(processor.folder))
        self.vision = self._vision_tower()
        language = self.towers["language"]
        self.width, self.heads, self.depth = language.width, language.heads, language.depth
        self.prompt_width = self.width
        self.checkpoints = False
        scale, mean = (255 * torch.tensor(v).view(3, 1, 1) for v in (processor.std, processor.mean))
        self.pixel_mean, self.pixel_scale = (nn.Buffer(v, persistent=False) for v in (mean, scale))
        self.expansion = nn.Buffer(torch.tensor(self.image_tokens()), persistent=False)
        self._scope: AlphaScope | None = None
        attend_without_waiting(self.decoder, padding=True)

    @abstractmethod
    def image_tokens(self) -> list[int]:
        """The tokens that an image has in a prompt, in the place of its one in a row."""

    @abstractmethod
    def features(self, values: Tensor) -> Tensor:
        """Normalised images [N, 3, S, S] -> features [N, T, D], T the image's own tokens."""

    def positions(self, sequences: Sequences) -> Tensor:
        """The positions of tokens, [N, L] or [axes, N, L]."""
        return sequences.positions()

    def _vision_tower(self) -> Tower:
        config = self.config["vision_config"]
        return Tower(
            width=config["hidden_size"],
            heads=config["num_attention_heads"],
            depth=config["num_hidden_layers"],
            sites=rf"{self.vision_name}\.{self.vision_sites}",
            default=False,
        )

    @property
    def towers(self) -> Mapping[str, Tower]:
        config = self.decoder.config
        language = Tower(
            width=config.hidden_size,
            heads=config.num_attention_heads,
            depth=config.num_hidden_layers,
            sites=LAYER_SITES.format(module=self.decoder_name),
        )
        return {"language": language, "vision": self.vision}

    @property
    def decoder(self) -> Any:
        """The language model, without its output over the vocabulary."""
        return getattr(self.model, self.decoder_name)

    def pooled_width(self, images: int) -> int:
        """D: all images of a record are in one prompt."""
        return self.width

    def forward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """The C choices are folded into the batch; an image goes through the vision tower once."""
        sequences = self.sequences(tokens.flatten(0, 1), mask.flatten(0, 1), images=pixels.shape[1])
        hidden = self.decode(sequences, self.embed(sequences, pixels))
        # by indices, whose gradients PyTorch can have deterministic on a GPU
        last = hidden[torch.arange(len(hidden), device=hidden.device), sequences.lengths - 1]
        return last.view(*tokens.shape[:2], -1)

    def prompted(self, prompts: Tensor) -> AbstractContextManager[None]:
        """In the decoder, before the sequence of each of a record's texts."""
        return before_tokens(self.decoder, prompts)

    def sequences(self, rows: Tensor, mask: Tensor, *, images: int = 1) -> Sequences:
        """The sequences of rows of tokens [N, L], of which `mask` [N, L] are no padding, with so many images each."""
        return Sequences.of(rows, mask, image_id=self.image_id, expansion=self.expansion, images=images)

    def embed(self, sequences: Sequences, pixels: Tensor) -> Tensor:
        """The decoder's input [N, L, D]: pixels uint8 [B, I, 3, S, S], with N / B sequences a record."""
        embedded: Tensor = self.decoder.get_input_embeddings()(sequences.tokens)
        if not sequences.count:
            return self._with_idle_tower(embedded)
        features = self.image_features(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2]).flatten(1, 2)
        features = features.repeat_interleave(len(embedded) // len(pixels), 0).to(embedded.dtype)
        # by indices: the gradient of a masked copy waits for a GPU
        place = (sequences.has_images.cumsum(1) - 1).clamp_min(0)
        chosen = features[torch.arange(len(features), device=features.device)[:, None], place]
        return torch.where(sequences.has_images[..., None], chosen, embedded)

    def image_features(self, pixels: Tensor) -> Tensor:
        """uint8 [N, 3, S, S] -> features [N, T, D]."""
        values = (pixels - self.pixel_mean) / self.pixel_scale
        return self.features(values.to(self.decoder.get_input_embeddings().weight.dtype))

    def _with_idle_tower(self, embedded: Tensor) -> Tensor:
        """The same numbers; a vision tower that is trained takes part in them, as a group of workers needs it."""
        tower = getattr(self.model, self.vision_name)
        if not (torch.is_grad_enabled() and any(value.requires_grad for value in tower.parameters())):
            return embedded
        side = self.processor.image_size
        blank = torch.zeros(1, 3, side, side, dtype=torch.uint8, device=embedded.device)
        return embedded + 0 * self.image_features(blank).sum()

    def decode(
        self, sequences: Sequences, embedded: Tensor, *, scope: AlphaScope | None = None, cache: Cache | None = None
    ) -> Tensor:
        """The decoder's states [N, L, D] for its input [N, L, D].

        scope: that of α, where it is not the sequences' prompts. cache: takes keys and values, for what follows.
        """
        return self.states(
            embedded,
            mask=sequences.mask,
            positions=self.positions(sequences),
            scope=scope or AlphaScope(sequences.prompt),
            cache=cache,
        )

    def states(
        self, embedded: Tensor, *, mask: Tensor, positions: Tensor, scope: AlphaScope, cache: Cache | None
    ) -> Tensor:
        """The decoder's states [N, L, D]; mask bool [N, K], of the cache's tokens and these."""
        for layer in self.decoder.layers:  # the switch that transformers has for it; nothing here draws random numbers
            layer.training = self.checkpoints and cache is None
        self._scope = scope
        with scope.open(self.decoder):
            states: Tensor = self.decoder(
                inputs_embeds=embedded,
                attention_mask=mask.long(),
                position_ids=positions,
                cache=cache,
                use_cache=cache is not None,
            ).last_hidden_state
        return states

    def checkpoint_gradients(self) -> None:
        """Compute the states of the decoder's layers again in the backward pass: less memory, a third more time."""
        self.model.activation_checkpointing_enable({"use_reentrant": False, "context_fn": self._contexts})
        self.checkpoints = True

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """What a layer is computed in, and computed again in: there the scope of its batch is open no more."""
        assert self._scope is not None
        return nullcontext(), self._scope.open(self.decoder)

    def layer_of(self, parameter: str) -> int | None:
        module, *parts = parameter.split(".")
        if module != self.decoder_name or parts[0] == "embed_tokens":
            return -1
        return int(parts[1]) if parts[0] == "layers" else None


def load_backbone(folder: Path, *, digest: str, load_options: LoadOptions | None = None) -> GenerativeBackbone:
    """The backbone in that folder. Raises UserError where its weights cannot be read, or not be held as asked."""
    chosen = load_options or LoadOptions()
    member = MEMBERS[str(read_json(folder / "config.json")["model_type"])]
    kind: type[GenerativeBackbone] = import_module(f"atlas.backbones.generative.{member}").BACKBONE
    backbone = kind(load_model(folder, chosen.weights), processor=Processor.load(folder), digest=digest)
    backbone.weights = "float32" if chosen.weights == "auto" else chosen.weights
    if chosen.recompute:
        backbone.checkpoint_gradients()
    return backbone
