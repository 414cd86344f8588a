"""The generative family: transformers' image-text-to-text models. Thin: import the modules.

LLaVA (Liu et al., 2023), Idefics3 and SmolVLM (Laurençon et al., 2024; Marafioti et al., 2025), Qwen2.5-VL (Bai et al.,
2025). A member is one module here with its class of `GenerativeBackbone`, a line in MEMBERS with its module, its sizes
by default in `config`, and a line in `FAMILIES`.
"""

from __future__ import annotations

MEMBERS = {"llava": "llava", "idefics3": "idefics3", "smolvlm": "idefics3", "qwen2_5_vl": "qwen2_5_vl"}
