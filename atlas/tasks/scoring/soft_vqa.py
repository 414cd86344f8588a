"""Soft VQA accuracy: what share of the people agree (Antol et al., 2015, arXiv:1505.00468)."""

from __future__ import annotations

from atlas.tasks.reading.answers import normalise
from atlas.tasks.scoring.text_score import RecordScore, References

AGREEING = 3  # people who gave the answer, from whom on it is wholly right


class SoftVqa(RecordScore):
    """min(1, people who gave the answer / 3), averaged over the sets of all people but one; references: one a person.

    Answers are compared as the official evaluation does (`atlas.tasks.reading.answers`). Of a single person, whether
    the answer is theirs.
    """

    def value(self, prediction: str, references: References) -> float:
        said, people = normalise(prediction), [normalise(one) for one in references]
        if len(people) == 1:
            return float(said == people[0])
        agree = people.count(said)
        left_out = [agree - (one == said) for one in people]
        return sum(min(1.0, count / AGREEING) for count in left_out) / len(people)
