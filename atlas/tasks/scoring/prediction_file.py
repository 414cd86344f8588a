"""Scoring of a file of predictions by a benchmark's rule, as its authors score them.

Predictions are lines of JSON, as LLaVA writes them: {"question_id": …, "text": …}. References are the benchmark's
test file (a list of {"question_id", "answer"}), TextVQA's annotations, or captions in COCO's form, matched by place.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas.runtime.errors import UserError, unknown
from atlas.tasks.reading import files
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.llava import answers_by_id, answers_of, captions_by_place
from atlas.tasks.sample import Broken
from atlas.tasks.scoring import TEXT_SCORES, RecordScore

BEGINNING = 1024  # bytes of a file that tell what it is
Known = Mapping[str | int, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class FileScore:
    """The score of a file's predictions by one rule, in percent. missing: questions that have no prediction.

    unreachable: predictions that could not be right, as the rule takes no such answer.
    """

    rule: str
    value: float
    predictions: int
    missing: int
    unreachable: int


def score_file(predictions: Path, references: Path, *, rule: str) -> FileScore:
    """The score of the predictions, those alone, by a rule: a name of TEXT_SCORES.

    Raises UserError for an unknown rule, a file that cannot be read, a prediction to no question, and answers none
    of which the rule takes.
    """
    if rule not in TEXT_SCORES:
        raise unknown("rule", rule, TEXT_SCORES)
    known, said = references_in(references), predictions_in(predictions)
    right = [known.get(name) or known.get(place) for place, name in enumerate(said)]
    for name, found in zip(said, right, strict=True):
        if not found:
            raise UserError(f"{predictions}: the prediction of {name!r} has no question in {references}.")
    answers = [found or () for found in right]
    return FileScore(
        rule=rule,
        predictions=len(said),
        missing=max(0, len(known) - len(said)),
        unreachable=_unreachable(references, rule, answers),
        value=TEXT_SCORES[rule].score(list(said.values()), answers),
    )


def _unreachable(path: Path, rule: str, references: Sequence[Sequence[str]]) -> int:
    """How many questions no prediction could be right of: by a rule of boxes one of words. Raises UserError for all."""
    score = TEXT_SCORES[rule]
    wrong = [one[0] for one in references if isinstance(score, RecordScore) and not any(map(score.takes, one))]
    if wrong and len(wrong) == len(references):
        raise UserError(
            f"{path}: no prediction could be right by the rule {rule}, which takes no answer such as {wrong[0]!r}; "
            f"give another rule."
        )
    return len(wrong)


def predictions_in(path: Path) -> dict[str, str]:
    """The predicted text of each question, in the file's order. Raises UserError for a line that is no prediction."""
    found: dict[str, str] = {}
    for where, values in files.json_lines(path):
        try:
            if isinstance(values, Broken):
                raise Unreadable(values.reason)
            name, text = str(files.field(values, "question_id", (str, int))), files.field(values, "text")
        except Unreadable as error:
            raise UserError(f"{path}: {where}: {error}") from error
        if name in found:
            raise UserError(f"{path}: {where}: the question {name!r} has two predictions.")
        found[name] = text
    return found


def references_in(path: Path) -> Known:
    """The references of each question, by its id, or by its place. Raises UserError where the file has none."""
    if _is_list(path):
        return _questions_in(path)
    said = []
    for read in (captions_by_place, answers_by_id):
        try:
            return read(path)
        except UserError as error:
            said.append(str(error))
    raise UserError(f"{path} has no questions, no captions and no answers. {' '.join(dict.fromkeys(said))}")


def _is_list(path: Path) -> bool:
    """Whether a file of JSON begins as a list, after a byte order mark and blanks."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(BEGINNING).removeprefix(BOM_UTF8).lstrip().startswith(b"[")


def _questions_in(path: Path) -> Known:
    """The answers to each question of a test file. Raises UserError for a question that has two different ones."""
    found: dict[str | int, tuple[str, ...]] = {}
    for where, values in files.json_items(path, ""):
        name, right = _reference(path, where, values)
        if found.setdefault(name, right) != right:
            raise UserError(f"{path}: {where}: the question {name!r} was there before, with another answer.")
    return found


def _reference(path: Path, where: str, values: dict[str, Any] | Broken) -> tuple[str, tuple[str, ...]]:
    try:
        if isinstance(values, Broken):
            raise Unreadable(values.reason)
        return str(files.field(values, "question_id", (str, int))), answers_of(values)
    except Unreadable as error:
        raise UserError(f"{path}: {where}: {error}") from error
