from __future__ import annotations

import pytest

from atlas.metrics import Undefined
from atlas.runtime.errors import AtlasError
from atlas.statistics import Comparison, Interval, compare, holm

ORDERS = [("a", "b"), ("b", "a")]


def cells(*values: float) -> dict[tuple[tuple[str, ...], int], float]:
    """Scores for two orders and as many seeds as it takes, order by order."""
    seeds = len(values) // 2
    return {(ORDERS[n // seeds], n % seeds): value for n, value in enumerate(values)}


def one(scores: dict[str, dict], **how: object) -> Comparison:
    (found,) = compare(scores, **how)  # type: ignore[arg-type]
    assert isinstance(found, Comparison)
    return found


def test_four_differences_of_one_sign_have_the_smallest_p_there_is() -> None:
    """Of 2⁴ ways to flip the signs, two are as extreme: all kept, all flipped."""
    found = one({"x": cells(11, 12, 13, 14), "y": cells(10, 10, 10, 10)})
    assert (found.difference, found.count) == (2.5, 4)
    assert found.p == pytest.approx(2 / 16)
    assert found.smallest == 2 / 16
    assert isinstance(found.interval, Interval)
    assert found.interval.low < 2.5 < found.interval.high


def test_differences_that_cancel_are_no_evidence() -> None:
    assert one({"x": cells(11, 9, 11, 9), "y": cells(10, 10, 10, 10)}).p == pytest.approx(1)


def test_pairs_are_formed_over_what_both_were_tried_on() -> None:
    more = cells(11, 12, 13, 14)
    less = dict.fromkeys(list(more)[:3], 10.0)
    assert one({"x": more, "y": less}).count == 3


def test_averaged_over_an_order_its_seeds_are_one_pair() -> None:
    found = one({"x": cells(11, 12, 13, 14), "y": cells(10, 10, 10, 10)}, unit="order")
    assert (found.count, found.difference) == (2, 2.5)
    by_seed = one({"x": cells(11, 12, 19, 13, 14, 15), "y": cells(*[10] * 6)}, unit="seed")
    assert by_seed.count == 3


def test_too_few_pairs_are_undefined_and_leave_the_correction_of_others_alone() -> None:
    scores = {"x": cells(11, 12, 13, 14), "y": cells(10, 10, 10, 10), "z": {(("c",), 0): 1.0}}
    found = compare(scores, against="y")
    assert isinstance(found[0], Comparison)
    assert found[0].adjusted == found[0].p
    assert found[1] == Undefined("z and y share 0 pairs; a comparison takes two")


def test_holms_correction_worked_out_by_hand() -> None:
    # sorted .01 .02 .03 .04: 4·.01, 3·.02, 2·.03, 1·.04 raised to its neighbour's .06
    assert holm([0.02, 0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.06, 0.04, 0.06])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


def test_the_more_comparisons_the_larger_the_corrected_p() -> None:
    scores = {
        name: cells(*(10 + shift, 11 + shift, 12 + shift, 14 + shift))
        for name, shift in zip("xyz", (0, 1, 3), strict=True)
    }
    for found in compare(scores):
        assert isinstance(found, Comparison)
        assert found.adjusted == pytest.approx(3 * found.p)


def test_what_is_not_there_cannot_be_compared_with() -> None:
    with pytest.raises(AtlasError, match="'w'; there are x, y"):
        compare({"x": {}, "y": {}}, against="w")
    with pytest.raises(AtlasError, match="unit of a comparison is 'task'"):
        compare({"x": {}}, unit="task")  # type: ignore[arg-type]
