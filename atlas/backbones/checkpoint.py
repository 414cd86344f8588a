"""Loading of a checkpoint's model by transformers, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from atlas.runtime.errors import UserError


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Load without transformers' progress bar, which would stand among what the caller prints."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def load_whole(kind: Any, folder: Path, *, named: str, **options: Any) -> Any:
    """The model of class `kind`, by its `from_pretrained` with these options.

    named: what it is called where it cannot be read. Raises UserError there, and where weights are missing.
    """
    try:
        with _no_progress_bar():
            model, report = kind.from_pretrained(folder, output_loading_info=True, **options)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise UserError(f"backbone folder {folder} cannot be read as {named}: {error}") from error
    if report["missing_keys"] or report["mismatched_keys"]:
        lacking = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
        raise UserError(f"backbone folder {folder}: weights lack {', '.join(lacking[:4])} ({len(lacking)} in all).")
    return model
