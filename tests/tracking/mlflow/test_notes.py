from __future__ import annotations

import json

from atlas.tracking.mlflow.notes import Link, fitted_note, parse_steps, plain, run_name, steps_note, steps_tag, text


def link(number: int, name: str = "digits", run_id: str | None = "r1") -> Link:
    return Link(key=f"{number:064d}", name=name, run_id=run_id, tasks_seen=number)


def test_characters_that_mlflow_refuses_are_replaced_in_names() -> None:
    assert plain("test/latest/a task: 1.5-b") == "test/latest/a task: 1.5-b"
    assert plain("α=0.1 (x)") == "α_0.1 _x_"
    assert len(plain("x" * 400)) == 250


def test_values_become_text_within_the_limit() -> None:
    assert text(["vqa", "snli"]) == "vqa → snli"
    assert text([1, 2]) == "[1, 2]"
    assert text(0.5) == "0.5"
    assert len(text("x" * 9000)) == 6000


def test_the_steps_of_a_trial_survive_their_tag() -> None:
    links = [link(1), link(2, run_id=None)]
    assert parse_steps(steps_tag(links)) == links
    assert parse_steps(None) == []


def test_a_long_walk_fits_its_tag_and_keeps_the_newest_links() -> None:
    links = [link(number, name="n" * 300) for number in range(100)]
    tag = steps_tag(links)
    assert len(tag) <= 8000
    assert json.loads(tag)[-1]["key"] == links[-1].key


def test_the_note_of_a_trial_links_to_its_steps() -> None:
    note = steps_note([link(1, "vqa"), link(2, "snli", None)], "7", "vqa → snli")
    assert "[vqa](#/experiments/7/runs/r1)" in note
    assert "snli (run not logged here)" in note
    assert note.startswith("**Order:** vqa → snli")
    assert len(fitted_note("x" * 9000)) == 8000


def test_a_trial_is_named_by_its_order_or_else_by_its_learner_and_settings() -> None:
    settings = {"skip": "inside", "rank": 4, "seeds": [0], "learner": {"name": "atlas", "rank": 4}}
    assert run_name({**settings, "orders": ["a > b", "b > a"]}) == "atlas, inside, rank 4"
    assert run_name({**settings, "order": ["a", "b"]}) == "a → b"
    assert run_name({}) == ""
