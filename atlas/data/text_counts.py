"""Counts of a split's texts: what is lost between the source and the tokens that a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from atlas.data.columns import array
from atlas.tasks.reading.choices import SEPARATOR

if TYPE_CHECKING:
    from atlas.backbones.text_rows import TextRows


class TextCounts(BaseModel):
    """Counts of texts and words; `alike` and `blank` are of records.

    cut: texts that were too long. answers_cut: those whose last part, the answer, is too long by itself. words: of what
    was kept. unknown: words that the tokenizer does not know or spells by letters. alike: records of which two choices
    are the same text in the source. blank: records with a text, or a part of one, that is empty.
    """

    model_config = ConfigDict(frozen=True)

    cut: int = 0
    answers_cut: int = 0
    words: int = 0
    unknown: int = 0
    alike: int = 0
    blank: int = 0

    def __add__(self, other: TextCounts) -> TextCounts:
        mine, others = self.model_dump(), other.model_dump()
        return TextCounts(**{name: mine[name] + others[name] for name in mine})

    @property
    def unknown_share(self) -> float:
        """The share of words that are unknown, in percent."""
        return 100 * self.unknown / max(1, self.words)


COLUMNS = tuple(TextCounts.model_fields)


def count_columns(texts: Sequence[Sequence[str]], rows: TextRows) -> list[pa.Array]:
    """COLUMNS of records with these texts, at least one each, int32 [B] each. rows: of all texts, in order."""
    starts = np.cumsum([0, *(len(one) for one in texts[:-1])])
    counted = (rows.cut, rows.answer_cut, rows.words, rows.unknown)
    found = [np.add.reduceat(one.astype(np.int32), starts) for one in counted]
    found.append(np.array([len(set(one)) < len(one) for one in texts], dtype=np.int32))
    found.append(np.array([any(map(is_blank, one)) for one in texts], dtype=np.int32))
    return [pa.array(one) for one in found]


def counts_in(batch: pa.RecordBatch) -> TextCounts:
    """The sum over the records of a shard."""
    return TextCounts(**{name: int(array(batch.column(name)).sum()) for name in COLUMNS})


def is_blank(text: str) -> bool:
    """Whether the text, or one of its parts, is empty."""
    return not all(part.strip() for part in text.split(SEPARATOR))


def tied_records(texts: np.ndarray) -> int:
    """How many records have two choices of the same tokens, so that no model can tell them apart. int32 [B, C, L]."""
    tied = np.zeros(len(texts), dtype=bool)
    for one, other in combinations(range(texts.shape[1]), 2):
        tied |= (texts[:, one] == texts[:, other]).all(1)
    return int(tied.sum())
