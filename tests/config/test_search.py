from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from atlas.config.search import SearchOptions
from atlas.runtime.errors import AtlasError


def test_twins_stand_for_tasks_downstream_tasks_and_orders() -> None:
    given = SearchOptions(tasks=("piqa", "piqa-twin")[:1], downstream=("piqa-twin",), orders=("2",), twins=True)
    with pytest.raises(AtlasError, match="name one twice"):
        given.with_twins()
    assert replace(given, downstream=()).with_twins().tasks == ("piqa-twin",)
    assert SearchOptions(orders=("a,b",)).with_twins().orders == ("a,b",)
    with pytest.raises(AtlasError, match="unknown twin 'digits-twin'"):
        SearchOptions(tasks=("digits",), twins=True).with_twins()


def test_a_suite_stands_for_its_tasks_and_its_orders_by_name() -> None:
    found = SearchOptions(suite="mtil", orders=("II", "I")).resolved()
    assert found.tasks[:2] == ("aircraft", "caltech101")
    assert [order[0] for order in found.written_orders()] == ["stanford-cars", "aircraft"]
    assert found.resolved() == found
    assert SearchOptions(suite="mtil", orders=("3",)).resolved().orders == ("3",)


def test_a_suite_of_twins_and_a_part_of_a_suite() -> None:
    few = SearchOptions(suite="mtil", tasks=("mnist", "dtd", "stanford-cars"), orders=("II",), twins=True).resolved()
    assert few.suite == "mtil-twin"
    assert few.written_orders() == (("stanford-cars-twin", "mnist-twin", "dtd-twin"),)
    assert few.resolved() == few
    assert SearchOptions(suite="mtil-twin").resolved().tasks[0] == "aircraft-twin"


def test_a_sweeps_own_tasks_are_not_asked_for_beside_a_suite() -> None:
    own = ("piqa", "vqa")
    assert len(SearchOptions(suite="mtil", tasks=own).resolved(own).tasks) == 11
    with pytest.raises(AtlasError, match="unknown task of the suite mtil 'piqa'"):
        SearchOptions(suite="mtil", tasks=own).resolved()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"suite": "mtl"}, "unknown suite 'mtl'. Did you mean 'mtil'?"),
        ({"suite": "mtil", "orders": ("IV",)}, "unknown order of the suite mtil 'IV'. Did you mean 'I"),
        ({"suite": "mtil", "tasks": ("digits",)}, "unknown task of the suite mtil 'digits'"),
    ],
)
def test_names_that_no_suite_has_are_refused_with_the_nearest(given: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        SearchOptions(**given).resolved()
    assert message in str(refused.value)


def test_no_seed_at_all_is_refused() -> None:
    with pytest.raises(AtlasError, match=r"--seeds are \[\]"):
        SearchOptions(seeds=())


def test_written_orders_are_read() -> None:
    search = SearchOptions(tasks=("digits", "easy-ve"), orders=("easy-ve,digits", "digits, easy-ve"))
    assert search.written_orders() == (("easy-ve", "digits"), ("digits", "easy-ve"))
    assert SearchOptions(orders=("3",)).written_orders() == ()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("easy-vqa,digts,easy-ve,piqa-twin", "unknown task in an order 'digts'. Did you mean 'digits'"),
        ("digits,digits,easy-ve,piqa-twin", "names a task twice"),
        ("digits,easy-ve", "leaves out easy-vqa, piqa-twin; name every task"),
    ],
)
def test_an_order_that_is_none_is_refused(order: str, message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        SearchOptions(orders=(order,)).written_orders()
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": (-1,)}, "--seeds has -1; give whole numbers from 0 to 4294967295"),
        ({"seeds": (0, 2**32)}, "--seeds has 4294967296"),
        ({"seeds": (0, float("nan"))}, "--seeds has nan"),
        ({"seeds": (True,)}, "--seeds has True"),
        ({"seeds": (1.5,)}, "--seeds has 1.5"),
        ({"seeds": (3, 3)}, "each once"),
        ({"trials": 0}, "--trials is 0"),
        ({"shots": ("64", "64")}, "--shots are 64 64; give each once"),
    ],
)
def test_numbers_out_of_range_and_repeated_ones_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        SearchOptions(**given)
    assert message in str(refused.value)


def test_an_order_that_is_written_twice_is_refused() -> None:
    orders = ("digits,easy-ve", "easy-ve,digits", "digits, easy-ve")
    with pytest.raises(AtlasError, match="--orders has digits,easy-ve twice; give each order once"):
        SearchOptions(tasks=("digits", "easy-ve"), orders=orders).written_orders()


def test_constraints_of_orders_make_their_space() -> None:
    search = SearchOptions(tasks=("a", "b", "c", "d"), before=("a,b,c",), last="d")
    assert list(search.space().orders()) == [("a", "b", "c", "d")]
    assert SearchOptions(tasks=("a", "b", "c"), first="c, a").space().count() == 1
    assert SearchOptions(tasks=("a", "b", "c"), together=("a,b",)).space().count() == 4
    assert search.space() is SearchOptions(tasks=("a", "b", "c", "d"), before=("a,b,c",), last="d").space()


def test_tasks_of_one_modality_stay_together() -> None:
    search = SearchOptions(tasks=("easy-vqa", "digits", "piqa-twin", "easy-ve"), together=("modality",))
    assert search.space().together == (("easy-vqa", "easy-ve"), ("digits",), ("piqa-twin",))
    assert search.space().count() == 12


def test_twins_stand_for_tasks_in_constraints() -> None:
    given = SearchOptions(
        tasks=("piqa", "vqa"), before=("piqa,vqa",), first="piqa", last="vqa", together=("piqa,vqa",), twins=True
    )
    named = given.with_twins()
    assert (named.before, named.first, named.last) == (("piqa-twin,vqa-twin",), "piqa-twin", "vqa-twin")
    assert named.together == ("piqa-twin,vqa-twin",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"before": ("digits",)}, "--before is 'digits'; give 2 or more tasks, written A,B"),
        ({"before": ("digits,",)}, "--before is 'digits,'"),
        ({"first": "digts"}, "unknown task in a constraint of orders 'digts'. Did you mean 'digits'"),
        ({"before": ("digits,easy-ve", "easy-ve,digits")}, "keeps to digits before easy-ve, easy-ve before digits"),
    ],
)
def test_constraints_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        SearchOptions(**given).space()
    assert message in str(refused.value)


def test_an_unknown_sampler_is_refused_with_the_nearest() -> None:
    with pytest.raises(AtlasError, match="unknown sampler 'randm'. Did you mean 'random'"):
        SearchOptions(sampler="randm")
    assert SearchOptions(sampler="mine.py:make").sampler == "mine.py:make"
