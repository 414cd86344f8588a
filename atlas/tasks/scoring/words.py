"""Words of captions, as captions' scores compare them."""

from __future__ import annotations

import re
from collections import Counter

WORD = re.compile(r"\w+(?:[.,]\d+)*(?:['’]\w+)*|[^\w\s]")
# What the evaluation of COCO's captions leaves out of its tokens
PUNCTUATION = frozenset(("''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";", "(", ")", "[", "]"))
PUNCTUATION |= frozenset(("{", "}", '"', "’", "“", "”"))
Ngram = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """The words in lower case, without punctuation; what an apostrophe joins is one word."""
    return [word for word in WORD.findall(text.lower()) if word not in PUNCTUATION]


def ngrams(words: list[str], size: int) -> Counter[Ngram]:
    """The runs of so many words, with their counts."""
    return Counter(tuple(words[place : place + size]) for place in range(len(words) - size + 1))
