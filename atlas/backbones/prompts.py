"""Token rows of prompts: a record's text in the backbone's chat template, cut so that template and answer stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlas.backbones.chat_template import ChatTemplate
from atlas.backbones.text_rows import TextRows, count_words, shortened, unknown_token
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.tasks.reading.choices import SEPARATOR

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RECIPE = 1  # raised by hand when the same text gives another prompt
BETWEEN = "\n"  # of the parts of a text
LEAST_ANSWER = 2  # a word, and the token that ends it


@dataclass(frozen=True, kw_only=True)
class PromptRow:
    """The tokens of a prompt and, after one pad_id, those of its answer. cut: a text lost its end; answer_cut: the last
    part of several did.
    """

    tokens: list[int]
    cut: bool
    answer_cut: bool


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Writes prompts as token numbers.

    tokenizer: without truncation and padding. image_id: the token that stands for an image in a row, one an image. end:
    the token that ends an answer. pad_id: the number of no token; it fills a row, and stands once between a prompt and
    an answer that follows it.
    """

    template: ChatTemplate
    tokenizer: Tokenizer = field(repr=False)
    image_id: int
    end: int
    pad_id: int
    _frames: dict[int, tuple[str, str]] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, texts: Sequence[str], length: int, *, images: int = 1, answered: bool = False) -> TextRows:
        """The rows of texts, of `length` tokens, in prompts with so many images.

        answered: the last part of a text, which may be all of it, is an answer, which follows its prompt. A text that
        is too long loses the end of its longest part before the last, or its own; an answer loses its end only where it
        is too long by itself.
        Raises UserError where the template alone is too long.
        """
        rows = np.full((len(texts), length), self.pad_id, dtype=np.int32)
        cut, answer_cut = np.zeros(len(texts), dtype=bool), np.zeros(len(texts), dtype=bool)
        counts = np.zeros((len(texts), 2), dtype=np.int32)
        unknown = unknown_token(self.tokenizer)
        for number, given in enumerate(texts):
            text = shortened(given.replace(self.image_token, " "), length, self.tokenizer)
            row = self._row([part.strip() for part in text.split(SEPARATOR)], length, images, answered)
            rows[number, : len(row.tokens)] = row.tokens
            cut[number], answer_cut[number] = row.cut, row.answer_cut
            counts[number] = count_words(self.tokenizer.encode(text), text, unknown)
        return TextRows(rows=rows, cut=cut, answer_cut=answer_cut, words=counts[:, 0], unknown=counts[:, 1])

    def answer(self, text: str) -> list[int]:
        """The tokens of an answer as they follow a prompt, with the token that ends it."""
        _, after = self.frame(0)
        space = "" if not after or after[-1].isspace() else " "
        encoding = self.tokenizer.encode(after + space + text.strip(), add_special_tokens=False)
        found = [token for token, (_, end) in zip(encoding.ids, encoding.offsets, strict=True) if end > len(after)]
        return [*found, self.end]

    def text(self, tokens: Sequence[int]) -> str:
        """The text of an answer's tokens, up to the token that ends it."""
        kept = list(tokens)
        kept = kept[: kept.index(self.end)] if self.end in kept else kept
        return str(self.tokenizer.decode(kept, skip_special_tokens=True)).strip()

    @property
    def least(self) -> int:
        """The tokens of a prompt with an image, and of an answer of one word after it."""
        return len(self._encoded([""], 1)[0]) + 1 + LEAST_ANSWER

    @cached_property
    def image_token(self) -> str:
        """The text of the token that stands for an image."""
        return str(self.tokenizer.id_to_token(self.image_id))

    def frame(self, images: int) -> tuple[str, str]:
        """The template's texts before and after a text with so many images."""
        if images not in self._frames:
            self._frames[images] = self.template.frame(images)
        return self._frames[images]

    def _row(self, parts: list[str], length: int, images: int, answered: bool) -> PromptRow:
        answer = self.answer(parts.pop()) if answered else []
        parts = parts or [""]
        tokens, places = self._encoded(parts, images)
        room = length - len(tokens) + sum(map(len, places)) - 1  # for an answer
        if room < LEAST_ANSWER:
            raise UserError(
                f"a prompt has {counted(length, 'token')}, and the chat template with {counted(images, 'image')} takes "
                f"{length - room - 1} of them: give more --tokens."
            )
        answer_cut = len(answer) > room
        answer = [*answer[: room - 1], self.end] if answer_cut else answer
        over = len(tokens) + (len(answer) + 1 if answer else 0) - length
        dropped, last_cut = _dropped(places, over, spares_last=len(parts) > 1 and not answer)
        kept = [token for place, token in enumerate(tokens) if place not in dropped]
        row = [*kept, self.pad_id, *answer] if answer else kept
        return PromptRow(tokens=row, cut=answer_cut or bool(dropped), answer_cut=answer_cut or last_cut)

    def _encoded(self, parts: Sequence[str], images: int) -> tuple[list[int], list[list[int]]]:
        """The tokens of a prompt, and the places of those of each part.

        Raises UserError where the template does not name each image once.
        """
        before, after = self.frame(images)
        whole = before + BETWEEN.join(parts) + after
        first = self.template.tokens.get("bos_token")  # as transformers does: a template may write it itself
        encoding = self.tokenizer.encode(whole, add_special_tokens=not (first and whole.startswith(first)))
        if (found := encoding.ids.count(self.image_id)) != images:
            raise UserError(
                f"the chat template has {self.image_token!r} {counted(found, 'time')} for {counted(images, 'image')}: "
                f"{before!r:.80}"
            )
        places, start = [], len(before)
        for part in parts:
            end = start + len(part)
            places.append([n for n, (begins, _) in enumerate(encoding.offsets) if start <= begins < end])
            start = end + len(BETWEEN)
        return list(encoding.ids), places


def _dropped(places: list[list[int]], over: int, *, spares_last: bool) -> tuple[set[int], bool]:
    """The places of `over` tokens to leave out, and whether the last part lost any that was to be spared."""
    parts = [list(part) for part in places]
    last = parts.pop() if spares_last else []
    dropped: set[int] = set()
    last_cut = False
    while len(dropped) < over:
        longest = max(parts, key=len, default=[])
        last_cut |= not longest
        dropped.add((longest or last).pop())
    return dropped, last_cut
