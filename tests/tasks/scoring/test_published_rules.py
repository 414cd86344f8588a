"""The same predictions have the same figure by a task's score and by its benchmark's rule, written here anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

import pytest

from atlas.tasks import TASKS
from atlas.tasks.published.trigap import TRIGAP
from atlas.tasks.scoring import TEXT_SCORES

Rule = Callable[[str, str], bool]  # the predicted text, the answer
WORDS = ("A", "B", "a fox", "fox", "Fox", "FOX.", "the fox\n", "Unanswerable", "", "red Fox", "C. fox", "yes.", "(B)")


def share(rule: Rule, predictions: Sequence[str], answers: Sequence[str]) -> float:
    return 100 * sum(map(rule, predictions, answers)) / len(predictions)


def upper(text: str, answer: str) -> bool:
    return text.upper() == answer.upper()


def lower(text: str, answer: str) -> bool:
    return "Unanswerable" not in text and text.lower() == answer.lower()


def either_way(text: str, answer: str) -> bool:
    return answer in text or text in answer


def contained(text: str, answer: str) -> bool:
    return "Unanswerable" not in text and answer.lower() in text.lower()


def option(text: str, answer: str) -> bool:
    if text in list("ABCDE"):
        return text == answer
    if len(text) >= 3 and text[0] in "ABCDE" and text[1:3] == ". ":
        return text[0] == answer
    alone = re.findall(r"\b(\w)\b", text)
    return bool(alone) and alone[0].upper() == answer


def in_line(text: str, answer: str) -> bool:
    return answer.lower().strip().replace("\n", "") in text.lower().strip().replace("\n", "")


def letters(text: str, answer: str) -> bool:
    kept = [re.sub(r"[ \n.]", "", one.lower().strip()) for one in (answer, text)]
    return kept[0] in kept[1]


def balanced(text: str, answer: str) -> bool:
    return text.rstrip(".").lower() == answer


def boxes(text: str, answer: str) -> bool:
    """CoIN's: without brackets, and without the characters at both ends of the prediction."""
    try:
        said = [float(one) for one in re.sub(r"[\[\]]", "", text.removeprefix(" "))[1:-1].split(",")]
    except ValueError:
        return False
    right = [float(one) for one in answer.strip("[]").split(",")]
    if len(said) != 4:
        return False
    both = max(0, min(said[2], right[2]) - max(said[0], right[0])) * max(
        0, min(said[3], right[3]) - max(said[1], right[1])
    )
    sizes = [(one[2] - one[0]) * (one[3] - one[1]) for one in (said, right)]
    return sum(sizes) > both and both / (sum(sizes) - both) > 0.5


RULES: dict[str, Rule] = {
    "coin-scienceqa": option,
    "coin-imagenet": either_way,
    "coin-gqa": balanced,
    "coin-vizwiz": upper,
    "coin-vqav2": upper,
    "coin-ocrvqa": lower,
    **dict.fromkeys(("ucit-imagenet-r", "ucit-arxivqa", "ucit-iconqa", "ucit-clevr-math"), upper),
    **dict.fromkeys(("dcl-rs", "dcl-med", "dcl-ad"), contained),
    "dcl-fin": lower,
    "acl-ocr": in_line,
    "acl-vp": letters,
    **{name: upper for name, task in TRIGAP.items() if task.score != "anls-trigap"},
}


@pytest.mark.parametrize("task", sorted(RULES))
def test_a_task_s_score_is_its_benchmark_s_rule(task: str) -> None:
    rng = Random(task)
    answers = rng.choices([word for word in WORDS if word], k=400)
    if task == "coin-gqa":  # whose answers are in lower case, without full stops
        answers = [one.lower().rstrip(".") for one in answers]
    predictions = [rng.choice((rng.choice(WORDS), answer, answer.upper())) for answer in answers]
    expected = share(RULES[task], predictions, answers)
    assert TEXT_SCORES[TASKS[task].score].score(predictions, [[one] for one in answers]) == pytest.approx(expected)
    assert 0 < expected < 100


def edits(one: str, other: str) -> int:
    """By Wagner and Fischer's table, whole."""
    table = {(row, 0): row for row in range(len(one) + 1)} | {(0, column): column for column in range(len(other) + 1)}
    for row, letter in enumerate(one, start=1):
        for column, found in enumerate(other, start=1):
            replaced = table[row - 1, column - 1] + (letter != found)
            table[row, column] = min(table[row - 1, column] + 1, table[row, column - 1] + 1, replaced)
    return table[len(one), len(other)]


def test_trigap_s_documents_are_scored_by_likeness_without_a_threshold() -> None:
    assert {name for name, task in TRIGAP.items() if task.score == "anls-trigap"} == {
        "trigap-docvqa",
        "trigap-infographicvqa",
    }
    rng = Random("documents")
    answers = [rng.sample([word for word in WORDS if word], k=rng.randint(1, 3)) for _ in range(200)]
    predictions = [rng.choice((rng.choice(WORDS), f" {people[0].upper()}")) for people in answers]
    values = []
    for text, people in zip(predictions, answers, strict=True):
        pairs = [(text.strip().lower(), one.strip().lower()) for one in people]
        values.append(max(1 - edits(*pair) / max(map(len, pair)) for pair in pairs))
    assert TEXT_SCORES["anls-trigap"].score(predictions, answers) == pytest.approx(100 * sum(values) / len(values))
    assert min(value for value in values if value) < 0.5  # which DocVQA's own rule counts as nothing


def test_coin_s_boxes_are_scored_as_published() -> None:
    rng = Random("boxes")
    answers, predictions = [], []
    for _ in range(400):
        left, top = rng.uniform(0, 0.6), rng.uniform(0, 0.6)
        sides = [left, top, left + rng.uniform(0.1, 0.4), top + rng.uniform(0.1, 0.4)]
        answers.append(str([round(one, 2) for one in sides]))
        moved = [round(one + rng.uniform(-0.08, 0.08), 2) for one in sides]
        predictions.append(rng.choice((str(moved), f" {moved}", str(moved)[1:-1], str(moved[:3]), "a fox", "")))
    expected = share(boxes, predictions, answers)
    assert TEXT_SCORES[TASKS["coin-grounding"].score].score(predictions, [[one] for one in answers]) == expected
    assert 10 < expected < 90


def test_text_vqa_is_soft_accuracy_over_ten_people() -> None:
    """M4C's: for each of the ten, min(1, those of the other nine who agree / 3); then the mean."""
    rng = Random("people")
    said = ("red", "a red one", "2", "two", "Blue.", "blue")
    plain = {"a red one": "red 1", "two": "2", "Blue.": "blue"}
    answers = [rng.choices(said, k=10) for _ in range(200)]
    predictions = [rng.choice(said) for _ in answers]
    values = []
    for text, people in zip(predictions, answers, strict=True):
        same = [plain.get(one, one) for one in people]
        others = [same[:place] + same[place + 1 :] for place in range(10)]
        values.append(sum(min(1, nine.count(plain.get(text, text)) / 3) for nine in others) / 10)
    assert TASKS["coin-textvqa"].score == "vqa"
    assert TEXT_SCORES["vqa"].score(predictions, answers) == pytest.approx(100 * sum(values) / len(values))
