from __future__ import annotations

import pytest

from atlas.learners.readouts import ANSWERS, HEAD, READOUTS, check_answers
from atlas.runtime.errors import UserError


def test_every_readout_says_which_answers_it_gives() -> None:
    assert set(ANSWERS) == set(READOUTS)


def test_a_task_whose_answers_a_readout_cannot_give_is_refused_with_those_that_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_answers(HEAD, {"vqa": "soft", "piqa": "choices"})
    monkeypatch.setitem(ANSWERS, "scribe", ("classes", "texts", "box"))
    monkeypatch.setitem(ANSWERS, "poet", ("texts",))
    message = (
        r"the readout 'head' cannot answer captions, boxes, whose answers are free texts and a box as a text: give "
        r"--readout generation or scribe and a backbone that allows it, or leave them out of the tasks\."
    )
    with pytest.raises(UserError, match=message):
        check_answers(HEAD, {"captions": "texts", "boxes": "box", "vqa": "soft"})
    with pytest.raises(UserError, match="give --readout generation or scribe or poet and"):
        check_answers(HEAD, {"captions": "texts"})


def test_where_no_readout_can_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas.learners.readouts.ANSWERS", {HEAD: ("classes",)})
    with pytest.raises(UserError, match="no readout gives them, or leave it out of the tasks"):
        check_answers(HEAD, {"captions": "texts"})
