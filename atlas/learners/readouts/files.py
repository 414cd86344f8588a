"""The file of a readout: its parameters, its name and its settings."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from atlas.backbones.backbone import Backbone
from atlas.learners.readouts import HEAD, find_readout
from atlas.learners.readouts.readout import AnswerForm, Readout


def save_readout(head: Readout, path: Path) -> None:
    """Write its parameters, and its readout's name and settings unless it is the one by default."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    save_file(
        tensors, path, metadata=None if head.name == HEAD else {"readout": f"{head.name} {head.settings}".strip()}
    )


def load_readout(path: Path, backbone: Backbone, form: AnswerForm) -> Readout:
    """The inverse of `save_readout`."""
    with safe_open(path, framework="pt") as file:
        name, _, settings = (file.metadata() or {}).get("readout", HEAD).partition(" ")
    head = find_readout(name).restore(backbone, form, settings)
    head.load_state_dict(load_file(path))
    return head
