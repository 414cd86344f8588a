"""A stack as a plain folder that PEFT loads: an adapter and a head a task, processor, answers, and a README."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from atlas.adapters.config import HINTING_TYPE
from atlas.backbones import BACKBONES, digest, locate
from atlas.data.card import CARD, DataCard
from atlas.maintenance.export_readme import readme
from atlas.maintenance.inventory import Item, resolve
from atlas.maintenance.lineage import lineage, parts_of
from atlas.report.summary import Summary
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.paths import writing_to
from atlas.serving.model_record import ServedTask
from atlas.storage.store import Store

OURS = "atlas."  # a class of this package, for which others take that of transformers
BASE_CLASS = {"base_model_class": "ViltModel", "parent_library": "transformers"}  # for PEFT's AutoPeftModel
PROCESSOR = "processor"
PROCESSOR_FILES = (
    *("config.json", "preprocessor_config.json", "special_tokens_map.json"),
    *("tokenizer*", "vocab.txt", "vocab.json", "merges.txt", "spiece.model"),
)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The places of what an export carries beside the weights, where they are known.

    data: the folder of prepared data, whose cards name the answers of the tasks. backbone: a name or a folder, for the
    processor; by default the name that the weights have.
    """

    data: Path | None = None
    backbone: str = ""


NOWHERE = Sources()


def export_step(store: Store, key: str, folder: Path, *, sources: Sources = NOWHERE) -> list[str]:
    """Write the stack after the step whose key begins with `key` to `folder`; gives its tasks, in order.

    Raises:
        UserError: no such step, one that keeps no weights, a lineage that is not whole, another backbone than the
            step's, or a folder that holds something already.
    """
    item = resolve(store, key)
    last = lineage(item)[-1]
    if last.stage.evaluates:
        scored = f"name the step that it scores, {last.parent.key[:12]}" if last.parent else "it scores no step"
        raise UserError(f"the step {item.key[:12]} is an evaluation, which keeps no weights; {scored}.")
    needed = [step for step in lineage(item) if step.stage.last or step.task == last.task]
    return _export(item.store, parts_of(needed), folder, source=f"the step `{item.key}`", backbone="", sources=sources)


def export_sweep(store: Store, summary: Summary, folder: Path, *, sources: Sources = NOWHERE) -> list[str]:
    """Write the best stack of a sweep to `folder`; gives its tasks, in order.

    Raises:
        UserError: no trial of it finished, steps of it are gone; and as `export_step`.
    """
    sweep, row = summary.sweep.id, summary.best_trial
    if row is None:
        raise UserError(f"no trial of the sweep {sweep} finished, so that it has no best stack; give a step's key.")
    items = [resolve(store, key) for key in row.step_keys]
    steps = [lineage(item)[-1] for item in items]
    parts = parts_of([step for step in steps if not step.downstream])  # without probes and evaluations
    source = f"the best trial (`{row.id}`) of the sweep `{sweep}`"
    return _export(items[-1].store, parts, folder, source=source, backbone=summary.backbone, sources=sources)


def _export(
    store: Store, parts: Mapping[str, str], folder: Path, *, source: str, backbone: str, sources: Sources
) -> list[str]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} holds something already; give a folder that is empty or does not exist.")
    items = {task: _item(store, key, task) for task, key in parts.items()}
    facts = _facts(items, source, backbone, sources.data)
    place = _place_of(facts, sources.backbone)
    with writing_to(folder, "name another folder"), _whole(folder) as draft:
        for task, item in items.items():
            _write_task(item, draft / task, facts["backbone"])
        if place is not None:
            _write_processor(place, draft / PROCESSOR)
        (draft / "stack.json").write_text(json.dumps(facts, indent=1) + "\n")
        (draft / "README.md").write_text(readme(draft, facts))
    return list(items)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder whose content is `folder`'s after the block; where the block fails, nothing is left of it."""
    place = folder.absolute()
    draft = place.parent / f".{place.name}.{uuid.uuid4().hex}"
    draft.mkdir(parents=True)
    try:
        yield draft
        place.mkdir(exist_ok=True)
        for path in draft.iterdir():
            path.rename(place / path.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


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
            config |= {"base_model_name_or_path": backbone, "peft_type": HINTING_TYPE}
            if str((config.get("auto_mapping") or {}).get("parent_library", OURS)).startswith(OURS):
                config["auto_mapping"] = BASE_CLASS
            (target / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))


def _place_of(facts: Mapping[str, Any], given: str) -> Path | None:
    """The folder of the very backbone; None where it is not found here. Raises UserError where another one is given."""
    try:
        place = locate(given or facts["backbone"])
    except AtlasError:
        if given:
            raise
        return None
    if (found := digest(place)) == facts["backbone_digest"]:
        return place
    if given:
        raise UserError(
            f"the stack was trained on the backbone {facts['backbone_digest'][:12]}, {given} is {found[:12]}; give the "
            f"one it was trained on, or leave --backbone out."
        )
    return None


def _write_processor(backbone: Path, target: Path) -> None:
    """The backbone's files that say how pictures and texts become numbers."""
    target.mkdir()
    for path in sorted({path for pattern in PROCESSOR_FILES for path in backbone.glob(pattern)}):
        shutil.copyfile(path, target / path.name)


def _facts(items: Mapping[str, Item], source: str, backbone: str, data: Path | None) -> dict[str, Any]:
    steps = {task: lineage(item)[-1] for task, item in items.items()}
    weights = next(iter(steps.values())).backbone
    cards = _cards(data) if data is not None else {}
    return {
        "source": source,
        "order": list(items),
        "keys": {task: item.key for task, item in items.items()},
        "backbone": _public_name(backbone or _name_of(weights)),
        "backbone_digest": weights,
        "learners": {task: step.stage.kind for task, step in steps.items()},
        "tasks": {
            task: ServedTask.of(cards[step.data]).model_dump(mode="json")
            for task, step in steps.items()
            if step.data in cards
        },
    }


def _cards(data: Path) -> dict[str, DataCard]:
    """Fingerprint → card of the prepared data."""
    found: dict[str, DataCard] = {}
    for path in sorted(data.glob(f"*/*/{CARD}")):
        try:
            card = DataCard.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):  # of another version, or being written
            continue
        found[card.fingerprint] = card
    return found


def _name_of(weights: str) -> str:
    """The name of the shipped backbone with these weights; its digest where there is none."""
    shipped = (name for name, place in BACKBONES.items() if isinstance(place, Path) and digest(place) == weights)
    return next(shipped, f"(the backbone of digest {weights[:12]})")


def _public_name(backbone: str) -> str:
    """The name by which others find the backbone: a repository of the hub in the place of a name for it."""
    place = BACKBONES.get(backbone)
    return place if isinstance(place, str) else backbone
