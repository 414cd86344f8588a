"""Token rows of texts: framed, padded and, where a text is too long, cut so that its answer stays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlas.tasks.reading.choices import SEPARATOR

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

CHARACTERS = 10_000  # of a part of a text: what is beyond them is looked at only where these give too few tokens
SPELT = 3  # pieces of one character each, from which on a word is spelt rather than known


@dataclass(frozen=True, kw_only=True)
class TextRows:
    """N texts as tokens. rows: int32 [N, L]. cut, answer_cut: bool [N]. words, unknown: int32 [N], of whole texts; of
    a part that is far longer than it needs to be, of the first CHARACTERS.

    answer_cut: the last part itself was too long. unknown: words without a token of their own: the tokenizer's unknown
    token, or SPELT and more pieces of one character each.
    """

    rows: np.ndarray
    cut: np.ndarray
    answer_cut: np.ndarray
    words: np.ndarray
    unknown: np.ndarray


def text_rows(texts: Sequence[str], length: int, *, tokenizer: Tokenizer, uncut: Tokenizer) -> TextRows:
    """The rows of texts, of `length` tokens. tokenizer: cuts and pads to that. uncut: the same one, without either."""
    unknown = unknown_token(tokenizer)
    texts = [shortened(text, length, uncut) for text in texts]
    encoded = tokenizer.encode_batch(texts)
    rows = [one.ids for one in encoded]
    cut = np.array([bool(one.overflowing) for one in encoded], dtype=bool)
    answer_cut = np.zeros(len(encoded), dtype=bool)
    for number in np.flatnonzero(cut).tolist():
        encoded[number] = uncut.encode(texts[number])
        if SEPARATOR in texts[number]:
            rows[number], answer_cut[number] = fitted(encoded[number], texts[number], length)
    counts = [count_words(one, text, unknown) for one, text in zip(encoded, texts, strict=True)]
    words, strange = np.array(counts, dtype=np.int32).reshape(len(encoded), 2).T
    return TextRows(
        rows=np.array(rows, dtype=np.int32).reshape(len(encoded), length),
        cut=cut,
        answer_cut=answer_cut,
        words=words,
        unknown=strange,
    )


def widest(rows: np.ndarray, pad_id: int) -> int:
    """The places up to the last token of any of the rows [..., L]."""
    filled = (rows != pad_id).reshape(-1, rows.shape[-1]).any(axis=0)
    return int(np.flatnonzero(filled)[-1]) + 1 if filled.any() else 0


def shortened(text: str, length: int, uncut: Tokenizer) -> str:
    """The text without the ends of parts that no row of `length` tokens has room for; its row is the same."""
    if len(text) <= CHARACTERS:
        return text
    return SEPARATOR.join(beginning(part, length, uncut) for part in text.split(SEPARATOR))


def beginning(part: str, length: int, uncut: Tokenizer) -> str:
    """The part's first CHARACTERS; the whole part where they have too few tokens before the word that they end in."""
    if len(part) <= CHARACTERS:
        return part
    words = uncut.encode(part[:CHARACTERS], add_special_tokens=False).word_ids
    return part[:CHARACTERS] if sum(word != words[-1] for word in words) > length else part


def fitted(encoding: Encoding, text: str, length: int) -> tuple[list[int], bool]:
    """The `length` tokens that are kept of a text of several parts, and whether the last part was cut.

    The longest of the parts before the last one loses its end first; the last one, the answer, is cut at its end only
    where it is too long by itself. Separators and the tokens that frame the text stay.
    """
    separators = text.count(SEPARATOR)
    if separators >= length:
        return encoding.ids[:length], True
    parts: dict[int, list[int]] = {part: [] for part in range(separators + 1)}
    for place, part in enumerate(part_of_tokens(encoding, text)):
        if part is not None:
            parts[part].append(place)
    answer = parts.pop(max(parts))
    dropped: set[int] = set()
    answer_cut = False
    while len(encoding.ids) - len(dropped) > length:
        longest = max(parts.values(), key=len)
        answer_cut |= not longest
        if not longest and not answer:  # separators alone are too many
            return encoding.ids[:length], True
        dropped.add((longest or answer).pop())
    return [token for place, token in enumerate(encoding.ids) if place not in dropped], answer_cut


def part_of_tokens(encoding: Encoding, text: str) -> Iterator[int | None]:
    """The part of the text to which each token belongs; None for separators and the tokens that frame the text."""
    ends, start = [], text.find(SEPARATOR)
    while start >= 0:
        ends.append(start)
        start = text.find(SEPARATOR, start + len(SEPARATOR))
    for (start, _), framing in zip(encoding.offsets, encoding.special_tokens_mask, strict=True):
        part = bisect_right(ends, start)
        separates = part > 0 and start < ends[part - 1] + len(SEPARATOR)
        yield None if framing or separates else part


def count_words(encoding: Encoding, text: str, unknown: int | None) -> tuple[int, int]:
    """The words of an encoded text, separators left out, and those that are unknown."""
    pieces: dict[int, list[tuple[int, int]]] = {}
    words = encoding.word_ids
    if SEPARATOR in text:
        parts = part_of_tokens(encoding, text)
        words = [None if part is None else word for word, part in zip(words, parts, strict=True)]
    for word, token, (start, end) in zip(words, encoding.ids, encoding.offsets, strict=True):
        if word is not None:
            pieces.setdefault(word, []).append((token, end - start))
    strange = sum(
        any(token == unknown for token, _ in word) or (len(word) >= SPELT and all(size == 1 for _, size in word))
        for word in pieces.values()
    )
    return len(pieces), strange


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """The number of the tokenizer's unknown token; None where it has none."""
    token = getattr(tokenizer.model, "unk_token", None)
    return tokenizer.token_to_id(token) if isinstance(token, str) else None
