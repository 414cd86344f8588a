from __future__ import annotations

import pytest

from atlas.maintenance.inventory import resolve
from atlas.maintenance.lineage import lineage, parts_of
from atlas.runtime.errors import AtlasError
from atlas.storage.step_result import StepResult
from tests.finished import TASKS
from tests.maintenance.conftest import Kept


def test_a_steps_lineage_is_its_walk(kept: Kept) -> None:
    walked = next(row["step_keys"] for row in kept.summary["trials"] if row["order"] == list(TASKS))
    steps = lineage(resolve(kept.store, walked[-1][:10]))
    assert [step.key for step in steps] == walked
    assert parts_of(steps) == {TASKS[0]: walked[0], TASKS[1]: walked[-1]}


def test_what_is_no_step_of_a_sweep_has_no_lineage(kept: Kept, tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "files").mkdir()
    kept.store.commit("c" * 64, tmp_path / "files", StepResult(title="?"))
    with pytest.raises(AtlasError, match="does not say which step it is"):
        lineage(resolve(kept.store, "c" * 64))
    other = resolve(kept.store, kept.summary["trials"][0]["step_keys"][0])
    kept.store.commit("d" * 64, tmp_path / "files", other.entry.result)
    with pytest.raises(AtlasError, match="another version of atlas"):
        lineage(resolve(kept.store, "d" * 64))
