"""A stack as a plain folder that PEFT loads: an adapter and a head a task, and a README that says how."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from atlas.backbones import BACKBONES, digest
from atlas.maintenance.inventory import Item, resolve
from atlas.maintenance.lineage import lineage, parts_of
from atlas.report.summary import Summary
from atlas.runtime.errors import UserError
from atlas.storage.store import Store

README = Path(__file__).with_name("export.md")


def export_step(store: Store, key: str, folder: Path) -> list[str]:
    """Write the stack after the step whose key begins with `key` to `folder`; gives its tasks, in order.

    Raises:
        UserError: no such step, a lineage that is not whole, or a folder that holds something already.
    """
    item = resolve(store, key)
    last = lineage(item)[-1]
    needed = [step for step in lineage(item) if step.stage.last or step.task == last.task]
    return _export(item.store, parts_of(needed), folder, source=f"the step `{item.key}`", backbone="")


def export_sweep(store: Store, summary: Summary, folder: Path) -> list[str]:
    """Write the best stack of a sweep to `folder`; gives its tasks, in order.

    Raises:
        UserError: no trial of it finished, steps of it are gone, or a folder that holds something already.
    """
    sweep, row = summary.sweep.id, summary.best_trial
    if row is None:
        raise UserError(f"no trial of the sweep {sweep} finished, so that it has no best stack; give a step's key.")
    items = [resolve(store, key) for key in row.step_keys]
    steps = [lineage(item)[-1] for item in items]
    parts = parts_of([step for step in steps if step.task in row.order])  # without downstream tasks
    source = f"the best trial (`{row.id}`) of the sweep `{sweep}`"
    return _export(items[-1].store, parts, folder, source=source, backbone=summary.backbone)


def _export(store: Store, parts: Mapping[str, str], folder: Path, *, source: str, backbone: str) -> list[str]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} holds something already; give a folder that is empty or does not exist.")
    items = {task: _item(store, key, task) for task, key in parts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    facts = _facts(items, source, backbone)
    for task, item in items.items():
        _write_task(item, folder / task, facts["backbone"])
    (folder / "stack.json").write_text(json.dumps(facts, indent=1) + "\n")
    (folder / "README.md").write_text(_readme(folder, facts))
    return list(items)


def _item(store: Store, key: str, task: str) -> Item:
    entry = store.find(key)
    if entry is None:
        raise UserError(f"the store {store.uri} lacks the step {key[:12]} that trained {task}; run it again.")
    return Item(store=store, entry=entry)


def _write_task(item: Item, target: Path, backbone: str) -> None:
    """The entry's files, its adapter's at the top where PEFT looks for them; verified by digest.

    The adapter's base model is named as `backbone`: the folder on the machine that trained it means nothing to others.
    """
    with tempfile.TemporaryDirectory(prefix="atlas-export-") as fetched:
        whole = item.store.fetch(item.entry, Path(fetched))
        shutil.copytree(whole, target, ignore=shutil.ignore_patterns("adapter", "result.json"))
        if (whole / "adapter").is_dir():
            shutil.copytree(whole / "adapter", target, dirs_exist_ok=True)
            config = json.loads((target / "adapter_config.json").read_text())
            config["base_model_name_or_path"] = backbone
            (target / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))


def _facts(items: Mapping[str, Item], source: str, backbone: str) -> dict[str, Any]:
    steps = {task: lineage(item)[-1] for task, item in items.items()}
    weights = next(iter(steps.values())).backbone
    return {
        "source": source,
        "order": list(items),
        "keys": {task: item.key for task, item in items.items()},
        "backbone": backbone or _name_of(weights),
        "backbone_digest": weights,
        "learners": {task: step.stage.kind for task, step in steps.items()},
    }


def _name_of(weights: str) -> str:
    """The name of the shipped backbone with these weights; its digest where there is none."""
    shipped = (name for name, place in BACKBONES.items() if isinstance(place, Path) and digest(place) == weights)
    return next(shipped, f"(the backbone of digest {weights[:12]})")


def _readme(folder: Path, facts: Mapping[str, Any]) -> str:
    adapted = [task for task in facts["order"] if (folder / task / "adapter_config.json").is_file()]
    return Template(README.read_text()).substitute(
        source=facts["source"],
        order=" > ".join(facts["order"]),
        backbone=facts["backbone"],
        digest=facts["backbone_digest"],
        loading=_loading(adapted),
        task=facts["order"][-1],
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
