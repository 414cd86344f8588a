"""Holds for every score of the catalogues, of texts, classes and captions; a new entry gets it for free."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.learners.scores import NO_ANSWER, SCORES, Score
from atlas.tasks.scoring import BOX_SCORES, RECALL_SCORES, TEXT_SCORES, Recall, RecordScore, TextScore
from atlas.tasks.scoring.recall import WAYS, Found
from atlas.tasks.task import CaptionScoring, ClassScoring, TextScoring

SENTENCES = ("a fox in the snow", "two red boats on a lake", "the old clock of the tower", "nobody is at home today")
LETTERS = ("A", "B", "C", "D")
BOXES = ("[0.11, 0.12, 0.41, 0.43]", "[0.52, 0.53, 0.94, 0.85]", "[0.01, 0.62, 0.23, 0.98]", "[0.71, 0.04, 0.95, 0.36]")


def right(name: str) -> tuple[str, ...]:
    """Different texts that are answers by this score."""
    return BOXES if name in BOX_SCORES else LETTERS if name == "letter" else SENTENCES


def references(texts: tuple[str, ...]) -> list[list[str]]:
    return [[text] for text in texts]


@pytest.fixture(params=sorted(TEXT_SCORES))
def named(request: pytest.FixtureRequest) -> tuple[TextScore, tuple[str, ...]]:
    return TEXT_SCORES[request.param], right(request.param)


def test_tasks_may_have_the_scores_that_there_are() -> None:
    assert set(TEXT_SCORES) == set(get_args(TextScoring))
    assert set(RECALL_SCORES) == set(get_args(CaptionScoring))
    assert set(SCORES) == set(get_args(ClassScoring))


def test_right_texts_are_best(named: tuple[TextScore, tuple[str, ...]]) -> None:
    score, texts = named
    mixed = (texts[1], texts[0], *texts[2:])
    best, less = (score.score(given, references(texts)) for given in (texts, mixed))
    assert best > less > 0.0
    if isinstance(score, RecordScore):
        assert best == 100.0


def test_an_empty_text_is_worth_nothing() -> None:
    """By one published rule (CoIN's of ImageNet) a text is right that lies in the reference, as an empty one does."""
    values = {name: score.score([""], [[right(name)[0]]]) for name, score in TEXT_SCORES.items()}
    assert {name: value for name, value in values.items() if value} == {"contains-either": 100.0}


def test_no_records_score_nothing(named: tuple[TextScore, tuple[str, ...]]) -> None:
    assert named[0].score([], []) == 0.0


def test_the_order_of_records_does_not_matter(named: tuple[TextScore, tuple[str, ...]]) -> None:
    score, texts = named
    mixed = (texts[1], texts[0], *texts[2:])
    turned = score.score(mixed[::-1], references(texts[::-1]))
    assert turned == pytest.approx(score.score(mixed, references(texts)))


def test_one_right_reference_is_enough(named: tuple[TextScore, tuple[str, ...]]) -> None:
    score, texts = named
    among = [[texts[-1 - place], text] for place, text in enumerate(texts)]
    assert score.score(texts, among) > score.score(texts[::-1], references(texts))


def test_it_can_be_sent_to_a_worker(named: tuple[TextScore, tuple[str, ...]]) -> None:
    score, texts = named
    sent = pickle.loads(pickle.dumps(score))
    assert sent.score(texts, references(texts)) == score.score(texts, references(texts))


@given(prediction=st.text(max_size=30), reference=st.text(min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_text_has_a_value(prediction: str, reference: str) -> None:
    for name, score in TEXT_SCORES.items():
        value = score.score([prediction], [[reference]])
        assert value >= 0.0, name
        if isinstance(score, RecordScore):
            assert value <= 100.0, name


@pytest.mark.parametrize("name", sorted(SCORES))
def test_a_score_of_classes_adds_up_over_records(name: str) -> None:
    score, answers, targets = SCORES[name], torch.tensor([0, 2, NO_ANSWER]), class_targets(name)
    values = score.values(answers, targets)
    assert values.dtype == torch.float64
    assert values.tolist() == [1.0, 0.0, 0.0]
    alone = [score.values(answers[[place]], targets[[place]]).item() for place in range(3)]
    assert alone == values.tolist()


@pytest.mark.parametrize("name", sorted(SCORES))
def test_its_loss_falls_towards_the_right_answers(name: str) -> None:
    logits = torch.zeros(3, 4, requires_grad=True)
    loss = SCORES[name].loss(logits, class_targets(name))
    loss.backward()
    assert loss.shape == ()
    assert logits.grad is not None
    assert after_a_step(SCORES[name], logits, name) < loss.item()


def class_targets(name: str) -> torch.Tensor:
    """Three records of four classes; the right one of each is 0, 1 and 1."""
    classes = torch.tensor([0, 1, 1])
    return classes if name == "accuracy" else torch.nn.functional.one_hot(classes, 4).float()


def after_a_step(score: Score, logits: torch.Tensor, name: str) -> float:
    assert logits.grad is not None
    return score.loss((logits - 0.1 * logits.grad).detach(), class_targets(name)).item()


@pytest.mark.parametrize("name", sorted(RECALL_SCORES))
def test_a_score_of_captions_is_between_nothing_and_all(name: str) -> None:
    score: Recall = RECALL_SCORES[name]
    none, all_found = ({way: Found(hits, 6) for way in WAYS} for hits in (0, 6))
    assert (score.score(none), score.score(all_found)) == (0.0, 100.0)
    assert score.score({way: Found(0, 0) for way in WAYS}) == 0.0
    assert 0.0 < score.guessing([2, 2, 2], texts=6) <= 100.0
