"""The lines of an export's README that load the backbone and pool its outputs, by family."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SECOND_PICTURE = """
known = backbone.embeddings.token_type_embeddings.weight.detach()  # a second picture is told apart as the first is
backbone.embeddings.token_type_embeddings = nn.Embedding.from_pretrained(torch.cat([known, known[1:2]])[:3])"""


@dataclass(frozen=True, kw_only=True)
class EncoderCode:
    """Python for the README: its imports, the backbone (with `$backbone` for its name), and `pooled` [texts, width]."""

    importing: str
    encoder: str
    pooling: str
    second: str = ""  # where a record has two pictures


VILT = EncoderCode(
    importing="from atlas.backbones import locate\nfrom transformers import ViltModel",
    encoder='backbone = ViltModel.from_pretrained(locate("$backbone"))',
    pooling="""\
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (processor.mean, processor.std))
    outputs = [
        model(
            input_ids=rows[:, :width],
            attention_mask=seen[:, :width].long(),
            pixel_values=((torch.from_numpy(one) / 255 - mean) / std).expand(len(rows), -1, -1, -1),
            image_token_type_idx=number,
        ).pooler_output
        for number, one in enumerate(pixels, start=1)
    ]
    pooled = torch.cat(outputs, dim=-1)""",
    second=SECOND_PICTURE,
)
OTHER = EncoderCode(
    importing="from atlas.backbones import load",
    encoder='encoder = load("$backbone")  # pixels and tokens to pooled outputs\nbackbone = encoder.model',
    pooling="""\
    images = torch.stack([torch.from_numpy(one) for one in pixels])
    pooled = encoder(images[None], rows[None, :, :width], seen[None, :, :width])[0]""",
)


def encoder_code(folder: Path) -> EncoderCode:
    """The lines for the backbone of an export, which its processor's configuration or its adapters tell."""
    config = folder / "processor" / "config.json"
    if config.is_file():
        return VILT if json.loads(config.read_text()).get("model_type") == "vilt" else OTHER
    adapters = [json.loads(path.read_text()) for path in sorted(folder.glob("*/adapter_config.json"))]
    classes = {one["auto_mapping"]["base_model_class"] for one in adapters if one.get("auto_mapping")}
    return OTHER if classes and "ViltModel" not in classes else VILT
