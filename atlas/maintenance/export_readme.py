"""The README of an exported stack: its files, and the code that loads it and reads its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from safetensors import safe_open

from atlas.maintenance.export_encoder import encoder_code

TEMPLATE = Path(__file__).with_name("export.md")
TUNED = Template("""
trained = load_file(folder / "$task" / "backbone.safetensors")  # the backbone itself was trained
backbone.load_state_dict(trained, strict=False)""")
COMBINATIONS = {
    "composition.safetensors": "the attention over adapters that AdapterFusion trained",
    "routing.safetensors": "the routers over experts that MoE-Adapters trained",
}


def readme(folder: Path, facts: Mapping[str, Any]) -> str:
    """The README of the stack in `folder`, whose stack.json holds `facts`."""
    order = facts["order"]
    adapted = [task for task in order if (folder / task / "adapter_config.json").is_file()]
    tuned = [task for task in order if (folder / task / "backbone.safetensors").is_file()]
    images = max((task["images"] for task in facts["tasks"].values()), default=1)
    code = encoder_code(folder)
    return Template(TEMPLATE.read_text()).substitute(
        source=facts["source"],
        order=" > ".join(order),
        backbone=facts["backbone"],
        digest=facts["backbone_digest"],
        tuned="".join(TUNED.substitute(task=task) for task in tuned[-1:]),
        loading=_loading(adapted),
        short=_short(adapted),
        importing=code.importing,
        encoder=Template(code.encoder).substitute(backbone=facts["backbone"])
        + (code.second if images > 1 or tuned else ""),
        pooling=code.pooling,
        task=order[-1],
        missing=_missing(folder, facts),
    )


def _loading(adapted: Sequence[str]) -> str:
    if not adapted:
        return "model = backbone  # these tasks were trained without adapters"
    first, *others = adapted
    lines = [f'model = PeftModel.from_pretrained(backbone, folder / "{first}", adapter_name="{first}")']
    lines += [f'model.load_adapter(folder / "{task}", "{task}")' for task in others]
    return "\n".join(
        [*lines, f'model.base_model.activate("{adapted[-1]}")  # route everything as that task was trained']
    )


def _short(adapted: Sequence[str]) -> str:
    """The lines that load the stack where PEFT finds the backbone by its name."""
    if not adapted:
        return "# these tasks were trained without adapters: load the backbone as below"
    first, *others = adapted
    lines = [f'model = AutoPeftModel.from_pretrained("{first}", adapter_name="{first}")']
    return "\n".join([*lines, *(f'model.load_adapter("{task}", "{task}")' for task in others)])


def _other_readout(task: Path) -> str:
    """A task's readout, as the file of its parameters says; empty for a head."""
    head = task / "head.safetensors"
    if not head.is_file():
        return ""
    with safe_open(head, framework="pt") as file:
        readout: str = (file.metadata() or {}).get("readout", "")
    return readout.partition(" ")[0]


def _missing(folder: Path, facts: Mapping[str, Any]) -> str:
    """The sentences on what the export lacks; nothing where it is whole."""
    said = []
    if unknown := [task for task in facts["order"] if task not in facts["tasks"]]:
        said.append(f"The answers of {', '.join(unknown)} are not here: their prepared data was not under the storage.")
    for file, what in COMBINATIONS.items():
        if combined := [task for task in facts["order"] if (folder / task / file).is_file()]:
            said.append(
                f"The code below does not load {file} of {', '.join(combined)}, {what}: its answers are not that "
                f"step's. The model that the sweep registers has them."
            )
    readouts = {task: readout for task in facts["order"] if (readout := _other_readout(folder / task))}
    for readout in sorted(set(readouts.values())):
        tasks = ", ".join(task for task, one in readouts.items() if one == readout)
        said.append(
            f"The code below reads heads: {tasks} was trained with the readout `{readout}`, which has none. The model "
            f"that the sweep registers answers."
        )
    if not (folder / "processor").is_dir():
        said.append(
            "The processor is not here: the backbone was not found where this was exported. Take it from there."
        )
    return "\n".join(said)
