"""Words of captions, as captions' scores compare them."""

from __future__ import annotations

import re
from collections import Counter

# As the Penn Treebank splits them: `do n't`, `man 's`, `t-shirt`, `1.5`
WORD = re.compile(r"n't\b|'(?:s|re|ve|ll|d|m)\b|(?:(?!n't\b)\w)+(?:-\w+)*(?:[.,]\d+)*|[^\w\s]")
# What the evaluation of COCO's captions leaves out of its tokens
PUNCTUATION = frozenset(("''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";", "(", ")", "[", "]"))
PUNCTUATION |= frozenset(("{", "}", '"', "’", "“", "”"))
Ngram = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """The words in lower case, without punctuation."""
    return [word for word in WORD.findall(text.lower().replace("’", "'")) if word not in PUNCTUATION]


def ngrams(words: list[str], size: int) -> Counter[Ngram]:
    """The runs of so many words, with their counts."""
    return Counter(tuple(words[place : place + size]) for place in range(len(words) - size + 1))
