"""Long names in little room: cut in the middle, so that names that differ still do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

ELLIPSIS = "…"


def shortened(text: str, width: int) -> str:
    """The text, or its beginning and its end around an ellipsis, of `width` letters at most."""
    if len(text) <= width:
        return text
    if width < 2:
        return ELLIPSIS[:width]
    end = (width - 1) // 2
    return text[: width - 1 - end] + ELLIPSIS + (text[-end:] if end else "")


def shortened_apart(texts: Sequence[str], width: int) -> list[str]:
    """Each text as `shortened`; those that would be alike then lose what they share, and are numbered if need be."""
    found, distinct = [shortened(text, width) for text in texts], list(dict.fromkeys(texts))
    for cut in _repeated(found, texts):
        places = [place for place, one in enumerate(found) if one == cut]
        start = _common([texts[place] for place in places])
        head = width // 3
        for place in places:
            kept = max(head, start - width // 6)
            found[place] = texts[place][:head] + ELLIPSIS + texts[place][kept:][: width - head - 2] + ELLIPSIS
    for cut in _repeated(found, texts):
        for place, one in enumerate(found):
            if one == cut:
                number = f" #{distinct.index(texts[place]) + 1}"
                found[place] = cut[: width - len(number)] + number
    return found


def _common(texts: Sequence[str]) -> int:
    """The number of letters that all of the texts begin with."""
    differ = (place for place, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1)
    return next(differ, min(map(len, texts)))


def _repeated(cuts: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The cuts that several different texts have."""
    counts = Counter(cut for cut, _ in dict.fromkeys(zip(cuts, texts, strict=True)))
    return [cut for cut, count in counts.items() if count > 1]
