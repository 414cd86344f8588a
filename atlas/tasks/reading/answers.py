"""Free answers as the official evaluation of VQA compares them (Antol et al., 2015; the authors' vqaEval).

Lower case; no articles; number words as digits; punctuation removed, or a space where it joined two words;
contractions with their apostrophes.
"""

from __future__ import annotations

import functools
import re

PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
COMMA_IN_NUMBER = re.compile(r"\d,\d")
FULL_STOP = re.compile(r"\.(?!\d)")
ARTICLES = frozenset(("a", "an", "the"))
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(DIGITS)}
CONTRACTED = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've
o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd somebody'd've somebody'll
somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd
there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll
what're what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't
would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""


def lapses(word: str) -> list[str]:
    """A contraction with any one of its apostrophes left out."""
    return [word[:i] + word[i + 1 :] for i, letter in enumerate(word) if letter == "'"]


CONTRACTIONS = {lapse: word for word in CONTRACTED.split() for lapse in lapses(word)}


@functools.lru_cache(maxsize=2**18)
def normalise(answer: str) -> str:
    """The answer in the form in which two answers are compared; "" where nothing is left of it."""
    text = answer.replace("\n", " ").replace("\t", " ").strip()
    kept = text
    for mark in PUNCTUATION:
        drop = f"{mark} " in text or f" {mark}" in text or COMMA_IN_NUMBER.search(text)
        kept = kept.replace(mark, "" if drop else " ")
    words = (NUMBERS.get(word, word) for word in FULL_STOP.sub("", kept).lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)
