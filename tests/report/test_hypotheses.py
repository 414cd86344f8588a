from __future__ import annotations

import itertools
from typing import Any

import pytest

from atlas.learners import LEARNERS
from atlas.metrics import Undefined
from atlas.report.hypotheses import BASELINES, LEVEL, METHOD, PaperHypothesis, paper_hypotheses, verdict_text
from atlas.report.summary import BARE
from tests.report.conftest import Document, invented_summary, of_trials, typed

ORDERS = list(itertools.permutations("abc"))
GAINS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def matrix(last: float) -> list[list[float | None]]:
    return [[last, None, None], [last, last, None], [last, last, last]]


def walked(learner: str, order: tuple[str, ...], score: float) -> dict[str, Any]:
    """A finished trial whose every score is the same on both routes."""
    return {
        "id": f"{learner}-{''.join(order)}",
        "order": list(order),
        "seed": 0,
        "settings": {"learner": learner},
        "status": "FINISHED",
        "step_keys": [],
        "R": {split: {route: matrix(score) for route in ("latest", "own")} for split in ("val", "test")},
        "metrics": {},
    }


def sweep(scores: dict[str, list[float]]) -> Document:
    """Learner → its score under each of the six orders."""
    trials = [
        walked(learner, order, score)
        for learner, found in scores.items()
        for order, score in zip(ORDERS, found, strict=True)
    ]
    base = of_trials(invented_summary(0), trials)
    tasks = {task: {**base["tasks"]["digits"], "chance": 10.0} for task in "abc"}
    return {**base, "tasks": tasks, "references": {"lone": {}}, "seeds": [0]}


def test_the_learners_that_the_hypotheses_are_about_are_in_the_catalogue() -> None:
    assert {METHOD, *BASELINES} <= set(LEARNERS)


def test_a_gain_in_every_order_holds_and_a_loss_is_the_opposite() -> None:
    found = paper_hypotheses(
        typed(
            sweep(
                {
                    "atlas": [50.0] * 6,
                    "atlas-stage-1": [50 - gain for gain in GAINS],
                    "lone-adapters": [50 + gain for gain in GAINS],
                }
            )
        )
    )
    verdicts = {(one.text, one.route): one.verdict for one in found}
    assert len(verdicts) == 4
    for route in ("latest", "own"):
        # six pairs give p = 2/64 at least, twice that after the correction for two claims
        assert verdicts[BASELINES["atlas-stage-1"], route] == "not decided"
        assert verdicts[BASELINES["lone-adapters"], route] == "not decided"


@pytest.mark.parametrize(
    ("gains", "verdict", "difference"),
    [
        (GAINS, "holds", 3.5),
        ([-gain for gain in GAINS], "the opposite", -3.5),
        ((3, -3, 2, -2, 1, -1), "not decided", 0),
    ],
)
def test_one_hypothesis_by_itself_is_decided_by_six_orders(gains: list[float], verdict: str, difference: float) -> None:
    latest, own = paper_hypotheses(typed(sweep({"atlas": [50 + gain for gain in gains], "atlas-stage-2": [50.0] * 6})))
    assert (latest.route, own.route) == ("latest", "own")
    assert not isinstance(latest.comparison, Undefined)
    assert latest.verdict == verdict
    assert latest.comparison.difference == pytest.approx(difference)
    assert not isinstance(latest.comparison.interval, Undefined)
    assert latest.comparison.interval.low < difference < latest.comparison.interval.high


def test_a_single_order_cannot_tell() -> None:
    alone = sweep({"atlas": [50.0] * 6, "atlas-stage-1": [40.0] * 6})
    alone["trials"] = [trial for trial in alone["trials"] if tuple(trial["order"]) == ORDERS[0]]
    assert {one.verdict for one in paper_hypotheses(typed(alone))} == {"cannot be told"}


def test_unseen_tasks_are_set_against_the_same_seeds_bare_backbone() -> None:
    rows = [
        {"trial": BARE, "order": [], "seed": 0, "task": "new", "way": way, "shots": "64", "val": 1.0, "test": score}
        for way, score in (("experience", 40.0), ("head", 41.0), ("both", 60.0))
    ]
    for order, gain in zip(ORDERS, GAINS, strict=True):
        for way, score in (("experience", 45 + gain), ("both", 60 - gain)):
            rows.append({**rows[0], "trial": "t", "order": list(order), "way": way, "test": score})
    found = paper_hypotheses(typed({**sweep({"atlas": [50.0] * 6}), "downstream": rows}))
    compared = [one.comparison for one in found if not isinstance(one.comparison, Undefined)]
    assert [round(one.difference, 6) for one in compared] == [8.5, 7.5, -3.5]


@pytest.mark.parametrize(("family", "needed"), [(1, 6), (3, 7), (5, 8)])
def test_the_pairs_that_it_takes_are_the_fewest_whose_least_p_is_low_enough(family: int, needed: int) -> None:
    one = PaperHypothesis(text="It does", route="own", comparison=Undefined("nothing"), family=family)
    assert one.pairs_needed == needed
    assert family * 2.0 ** (1 - needed) < LEVEL <= family * 2.0 ** (2 - needed)


def test_where_the_pairs_are_too_few_to_decide_anything_that_is_verdict_text() -> None:
    losing = {"atlas": [50.0] * 6} | {name: [50 - gain for gain in GAINS] for name in BASELINES}
    found = paper_hypotheses(typed(sweep(losing)))
    assert {verdict_text(one) for one in found} == {"is not decided (6 pairs are too few, it takes 8)"}
    (enough,) = paper_hypotheses(typed(sweep({name: losing[name] for name in (METHOD, "fine-tuning")})))[:1]
    assert verdict_text(enough) == "holds"
    even = [50 + gain * sign for gain, sign in zip(GAINS, (1, -1, 1, -1, 1, -1), strict=True)]
    (open_,) = paper_hypotheses(typed(sweep({METHOD: [50.0] * 6, "fine-tuning": even})))[:1]
    assert verdict_text(open_) == "is not decided"
