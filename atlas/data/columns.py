"""The columns of `<split>.arrow`, and the check that a record fits them.

All columns have a fixed width (but for the records' ids, and the references of free texts and captions) and no nulls,
uncompressed, so that the loader can map them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from atlas.backbones.processor import Processor
from atlas.runtime.text import counted
from atlas.tasks.sample import Record
from atlas.tasks.scoring import RECALL_SCORES, TEXT_SCORES
from atlas.tasks.task import Task

REFERENCES = "references"


def record_schema(task: Task, processor: Processor) -> pa.Schema:
    """id, pictures (rows of `<split>-pictures.arrow`), tokens, and label, targets or references."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("pictures", pa.list_(pa.int32(), task.images), nullable=False),
            pa.field("tokens", pa.list_(pa.int32(), task.choices * processor.max_tokens), nullable=False),
            pa.field(label_column(task.score), label_type(task), nullable=False),
        ]
    )


def label_column(score: str) -> str:
    """The name of the column of what is right, in a task of that score."""
    if score in TEXT_SCORES or score in RECALL_SCORES:
        return REFERENCES
    return "targets" if score == "soft" else "label"


def label_type(task: Task) -> pa.DataType:
    """A class, a score for every class, or texts."""
    if task.has_references:
        return pa.list_(pa.string())
    return pa.list_(pa.float32(), task.classes) if task.score == "soft" else pa.int32()


def picture_schema(processor: Processor) -> pa.Schema:
    """pixels: uint8 [3, S, S], one row a picture."""
    return pa.schema([pa.field("pixels", pa.binary(3 * processor.image_size**2), nullable=False)])


def flaw(task: Task, record: Record) -> str:
    """The reason why a record does not fit its task's declaration; "" where it does."""
    if len(record.texts) != task.choices:
        return f"{counted(len(record.texts), 'text')}, the task declares {task.choices}"
    if task.modality == "language" and record.pictures:
        return f"{counted(len(record.pictures), 'picture')} in a language-only task"
    if task.modality != "language" and len(record.pictures) != task.images:
        return f"{counted(len(record.pictures), 'picture')}, the task declares {task.images}"
    if task.has_references or record.references:
        return _reference_flaw(task, record)
    if isinstance(record.label, int) == (task.score == "soft"):
        return f"label {record.label!r} does not fit a task scored by {task.score!r}"
    pairs = ((record.label, 1.0),) if isinstance(record.label, int) else record.label
    for label, score in pairs:
        if not 0 <= label < task.classes or not 0 <= score <= 1:
            return f"label {label} (score {score}) is out of range 0 to {task.classes - 1} (0 to 1)"
    return _spelling_flaw(record)


def _reference_flaw(task: Task, record: Record) -> str:
    if not task.has_references:
        return f"{counted(len(record.references), 'reference')}, but the task is scored by {task.score!r}: give a label"
    if record.label != ():
        what = "captions" if task.answer_kind == "captions" else "free texts"
        return f"label {record.label!r} in a task of {what}, whose records have references instead"
    if not record.references or not all(one.strip() for one in record.references):
        return "no reference" if not record.references else "an empty reference"
    return _spelling_flaw(record)


def _spelling_flaw(record: Record) -> str:
    whole = _is_text((record.id, *record.texts, *record.references))
    return "" if whole else "a text with half a character (a lone surrogate)"


def label_values(task: Task, records: Sequence[Record]) -> pa.Array:
    """The column of what is right."""
    if task.has_references:
        return pa.array([record.references for record in records], type=label_type(task))
    return column(label_rows(task, records))


def label_rows(task: Task, records: Sequence[Record]) -> np.ndarray:
    """int32 [B] classes, or float32 [B, classes] scores."""
    if task.score != "soft":
        return np.array([record.label for record in records], dtype=np.int32)
    rows = np.zeros((len(records), task.classes), dtype=np.float32)
    for i, record in enumerate(records):
        assert not isinstance(record.label, int)
        for label, score in record.label:
            rows[i, label] = score
    return rows


def column(values: np.ndarray) -> pa.Array:
    """The column of [B], or of fixed-size lists from [B, ...]."""
    if values.ndim == 1:
        return pa.array(values)
    flat = values.reshape(len(values), -1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])


def array(values: pa.Array) -> np.ndarray:
    """[B], or [B, width]: a view of one column's memory."""
    if pa.types.is_fixed_size_list(values.type):
        return values.flatten().to_numpy(zero_copy_only=True).reshape(len(values), values.type.list_size)
    if pa.types.is_fixed_size_binary(values.type):
        whole = np.frombuffer(values.buffers()[1], dtype=np.uint8)
        return whole[: len(values) * values.type.byte_width].reshape(len(values), values.type.byte_width)
    return values.to_numpy(zero_copy_only=True)


def _is_text(texts: Sequence[str]) -> bool:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True
