"""Exact match, and containment: an answer is right or wrong by its letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from atlas.tasks.scoring.text_score import RecordScore, References

OPTIONS = "ABCDE"
LONE_LETTER = re.compile(r"\b(\w)\b")


def as_it_is(text: str) -> str:
    """The text itself."""
    return text


def without_full_stop(text: str) -> str:
    """The text in lower case without full stops at its end, as GQA's answers are compared."""
    return text.rstrip(".").lower()


def in_one_line(text: str) -> str:
    """The text in lower case without line breaks and without blanks around it, as OCRBench's answers are compared."""
    return text.lower().strip().replace("\n", "")


def letters_alone(text: str) -> str:
    """The text in lower case without blanks, line breaks and full stops: MLLM-CL's visual perception."""
    return text.lower().strip().replace(" ", "").replace("\n", "").replace(".", "")


@dataclass(frozen=True, kw_only=True)
class Exact(RecordScore):
    """1 where the prediction is a reference, both as `compared`. refusal: a prediction with it in is wrong."""

    compared: Callable[[str], str] = as_it_is
    refusal: str = ""

    def value(self, prediction: str, references: References) -> float:
        if self.refusal and self.refusal in prediction:
            return 0.0
        return float(self.compared(prediction) in map(self.compared, references))


@dataclass(frozen=True, kw_only=True)
class Contains(RecordScore):
    """1 where the prediction contains a reference, both as `compared`; or lies in one, where `either` way counts.

    refusal: a prediction with it in is wrong.
    """

    compared: Callable[[str], str] = as_it_is
    either: bool = False
    refusal: str = ""

    def value(self, prediction: str, references: References) -> float:
        if self.refusal and self.refusal in prediction:
            return 0.0
        said = self.compared(prediction)
        return float(any(one in said or (self.either and said in one) for one in map(self.compared, references)))


class Letter(RecordScore):
    """1 where the option that the prediction names is a reference: `B`, `B. a tree`, `the answer is B`.

    It is the prediction itself, the letter before `. ` at its beginning, or else its first word of one letter
    (ScienceQA, as LLaVA reads it).
    """

    def value(self, prediction: str, references: References) -> float:
        return float(option_of(prediction) in references)

    def takes(self, reference: str) -> bool:
        """Whether the reference is the letter of an option."""
        return reference in tuple(OPTIONS)


def option_of(prediction: str) -> str:
    """The letter of the option that a prediction names; "" where it names none."""
    if prediction[:1] in tuple(OPTIONS) and (len(prediction) == 1 or prediction[1:3] == ". "):
        return prediction[0]
    found = LONE_LETTER.search(prediction)
    return found[1].upper() if found else ""
