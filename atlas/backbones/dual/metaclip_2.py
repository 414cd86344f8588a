"""MetaCLIP 2: CLIP's towers, its text tower's vocabulary of all languages; pooled at the first end-of-text token."""

from __future__ import annotations

from transformers.models.metaclip_2.modeling_metaclip_2 import MetaClip2Model

from atlas.backbones.dual.clip import ClipBackbone


class MetaClip2Backbone(ClipBackbone):
    """A frozen MetaClip2Model (Chuang et al., 2025, arXiv:2507.22062)."""

    model_class = MetaClip2Model


BACKBONE = MetaClip2Backbone
