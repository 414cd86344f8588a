"""Save a trained step: its files in this machine's temporary folder, then in the store. Full disks are waited for."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import check_files
from atlas.learners.hooks import StageHooks
from atlas.runtime.retry import retry_while_full
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store

NUMBER = re.compile(r"\(os error (\d+)\)")


def save_step(model: ContinualModel, step: Step, store: Store, result: StepResult, hooks: StageHooks) -> None:
    """Commit a step with what its model and hooks save.

    Raises:
        Diverged: a tensor that would be kept is not finite.
        StorageUnavailable: this machine's temporary folder, or the store, was full for half an hour.
    """
    here = f"this machine's temporary folder {tempfile.gettempdir()}"
    with retry_while_full(lambda: _saved(model, step, result, hooks), here) as folder:
        retry_while_full(lambda: store.commit(step.key, Path(folder), result), f"the store {store.uri}")


def _saved(
    model: ContinualModel, step: Step, result: StepResult, hooks: StageHooks
) -> tempfile.TemporaryDirectory[str]:
    """A new temporary folder with the step's files; where writing fails nothing is left."""
    with contextlib.ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="atlas-step-")
        folder = Path(stack.enter_context(made))
        with told_by_number():
            if not step.stage.evaluates:
                model.save(step.task, folder)
            hooks.save(folder)
            check_files(folder)
            (folder / "result.json").write_text(json.dumps(result.to_json(), indent=1, sort_keys=True))
        stack.pop_all()
    return made


@contextlib.contextmanager
def told_by_number() -> Iterator[None]:
    """safetensors' errors of the operating system as OSError: it tells them, a full disk included, by text alone."""
    try:
        yield
    except SafetensorError as error:
        if number := NUMBER.search(str(error)):
            raise OSError(int(number[1]), str(error)) from error
        raise
