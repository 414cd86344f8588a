from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from atlas.learners import EvaluationStage, Schedule
from atlas.maintenance.export import export_step, export_sweep
from atlas.maintenance.inventory import resolve
from atlas.maintenance.lineage import lineage
from atlas.runtime.errors import AtlasError
from atlas.steps.train import load_model
from atlas.storage.store import Store
from tests.finished import TASKS
from tests.maintenance.conftest import Kept
from tests.report.conftest import typed


def walked(kept: Kept, order: tuple[str, ...]) -> list[str]:
    return next(row["step_keys"] for row in kept.summary["trials"] if row["order"] == list(order))


def run_readme(folder: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Do what the README says, beside it."""
    text = (folder / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(re.sub(r'locate\(".*?"\)', repr(str(backbone)), code[1]), names)
    return names


@pytest.mark.parametrize("task", TASKS)
def test_peft_loads_an_exported_stack_as_the_readme_says_and_it_answers_alike(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_folder: Path, task: str
) -> None:
    key = walked(kept, TASKS)[-1]
    assert export_step(kept.store, key[:12], tmp_path / "stack") == list(TASKS)
    loaded = run_readme(tmp_path / "stack", small_folder, monkeypatch)
    worker_context = kept.world.worker_context
    batch = worker_context.data[task].splits["test"].batch(torch.arange(4))
    model = load_model(lineage(resolve(kept.store, key))[-1], worker_context, kept.store)
    model.activate(task)
    with torch.no_grad():
        expected = model(batch, task)
    pixels = worker_context.backbone.normalise(batch.pixels[:, 0])
    model.detach()
    loaded["model"].base_model.activate(task)
    with torch.no_grad():
        pooled = loaded["model"](
            input_ids=batch.tokens[:, 0], attention_mask=batch.mask[:, 0].long(), pixel_values=pixels
        ).pooler_output
        found = loaded["head"](task)(pooled)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_sweeps_best_stack_is_exported(kept: Kept, tmp_path: Path) -> None:
    best = next(row for row in kept.summary["trials"] if row["id"] == kept.summary["best"]["trial"])
    assert export_sweep(kept.store, typed(kept.summary), tmp_path / "stack") == best["order"]
    facts = json.loads((tmp_path / "stack" / "stack.json").read_text())
    assert facts["keys"][best["order"][-1]] == best["step_keys"][-1]
    assert facts["backbone_digest"] == kept.world.worker_context.backbone.digest
    texts = [path.read_text() for path in (tmp_path / "stack").rglob("*.json")]
    assert not any(str(kept.world.worker_context.backbone.processor.folder) in text for text in texts)
    files = {path.relative_to(tmp_path / "stack").as_posix() for path in (tmp_path / "stack").rglob("*.*")}
    each = ("adapter_config.json", "adapter_model.safetensors", "head.safetensors")
    assert files == {f"{task}/{name}" for task in TASKS for name in each} | {"README.md", "stack.json"}


def test_an_evaluation_is_no_part_of_a_stack(kept: Kept, tmp_path: Path) -> None:
    best = next(row for row in kept.summary["trials"] if row["id"] == kept.summary["best"]["trial"])
    last = lineage(resolve(kept.store, best["step_keys"][-1]))[-1]
    stage = EvaluationStage(schedule=Schedule(steps=0))
    evaluation = replace(last, stage=stage, parent=last, downstream=True)
    kept.world.learn([evaluation], kept.store)
    best["step_keys"] = [*best["step_keys"], evaluation.key]
    assert export_sweep(kept.store, typed(kept.summary), tmp_path / "stack") == best["order"]
    facts = json.loads((tmp_path / "stack" / "stack.json").read_text())
    assert facts["keys"][best["order"][-1]] == last.key
    with pytest.raises(AtlasError, match=f"keeps no weights; name the step that it scores, {last.key[:12]}"):
        export_step(kept.store, evaluation.key, tmp_path / "other")


def test_a_task_learnt_by_its_head_alone_is_exported_without_an_adapter(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_folder: Path
) -> None:
    key = next(
        key
        for key in kept.summary["reference_keys"]
        if lineage(resolve(kept.store, key))[-1].stage.kind not in ("experience", "expansion")
    )
    (task,) = export_step(kept.store, key, tmp_path / "stack")
    assert not (tmp_path / "stack" / task / "adapter_config.json").exists()
    loaded = run_readme(tmp_path / "stack", small_folder, monkeypatch)
    assert loaded["model"] is loaded["backbone"]
    assert loaded["head"](task)(torch.zeros(1, kept.world.worker_context.backbone.width)).isfinite().all()


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(kept: Kept, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("")
    keys = walked(kept, TASKS)
    with pytest.raises(AtlasError, match="holds something already"):
        export_step(kept.store, keys[-1], full)
    with pytest.raises(AtlasError, match="no trial of the sweep"):
        export_sweep(kept.store, typed({**kept.summary, "best": None}), tmp_path / "stack")
    kept.store.remove(keys[0])
    with pytest.raises(AtlasError, match=f"lacks the step {keys[0][:12]} that trained {TASKS[0]}"):
        export_step(kept.store, keys[-1], tmp_path / "stack")
    assert not (tmp_path / "stack").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_damaged_step_is_not_exported_and_leaves_nothing(kept: Kept, tmp_path: Path, there: bool) -> None:
    key = walked(kept, TASKS)[-1]
    file = next((Path(kept.store.root) / "steps" / key[:2] / key).rglob("head.safetensors"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    place = tmp_path / "exports"
    place.mkdir()
    if there:
        (place / "stack").mkdir()
    with pytest.raises(AtlasError, match=r"another sha256"):
        export_step(Store.open(kept.store.root), key, place / "stack")
    assert [path.name for path in place.rglob("*")] == ["stack"] * there
