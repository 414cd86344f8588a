from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import TASKS
from atlas.tasks.suites import SUITES, find_suite, twin_suite

PUBLISHED = json.loads((Path(__file__).parents[1] / "metrics" / "mtil_matrices.json").read_text())["orders"]


def letters(name: str) -> str:
    """A name as papers and files spell it alike: `OxfordPet`, `oxford-pets`."""
    return name.lower().replace("-", "").removesuffix("s").removesuffix("101").removesuffix("102").removesuffix("s")


@pytest.mark.parametrize("name", sorted(SUITES))
def test_a_suites_tasks_are_in_the_catalogue_and_its_orders_are_of_all_of_them(name: str) -> None:
    suite = SUITES[name]
    assert suite.name == name
    assert set(suite.tasks) <= set(TASKS)
    for order in suite.orders.values():
        assert sorted(order) == sorted(suite.tasks)
        assert len(set(order)) == len(order)
    assert suite.about in suite.in_words()


@pytest.mark.parametrize("order", ["I", "II"])
def test_mtils_orders_are_the_published_ones(order: str) -> None:
    ours = [letters(task) for task in find_suite("mtil").orders[order]]
    assert ours == [letters(task) for task in PUBLISHED[order]]


def test_a_twin_suite_has_the_twins_in_the_same_orders() -> None:
    assert twin_suite("mtil") == twin_suite("mtil-twin") == "mtil-twin"
    twin = find_suite("mtil-twin")
    assert twin.orders["II"][:2] == ("stanford-cars-twin", "food101-twin")
    assert all(TASKS[task].layout is None for task in twin.tasks)


def test_x_tail_has_ten_of_mtils_in_its_first_order_and_vqacl_ten_types_of_questions() -> None:
    ten = [task for task in find_suite("mtil").orders["I"] if task != "cifar100"]
    assert find_suite("xtail").orders["I"] == tuple(f"xtail-{task}" for task in ten)
    types = find_suite("vqacl").orders["published"]
    assert (len(types), types[0], types[-1]) == (10, "vqacl-recognition", "vqacl-causal")


def test_the_orders_of_instructions_are_the_published_ones() -> None:
    coin = find_suite("coin")
    assert [task.removeprefix("coin-") for task in coin.orders["published"]] == [
        *("scienceqa", "textvqa", "imagenet", "gqa", "vizwiz", "grounding", "vqav2", "ocrvqa")
    ]
    assert coin.orders["alphabet"] == tuple(sorted(coin.tasks))
    assert [task.removeprefix("ucit-") for task in find_suite("ucit").tasks] == [
        *("imagenet-r", "arxivqa", "vizwiz-caption", "iconqa", "clevr-math", "flickr30k")
    ]
    assert find_suite("mllm-dcl").tasks == ("dcl-rs", "dcl-med", "dcl-ad", "dcl-sci", "dcl-fin")
    assert find_suite("mllm-acl").tasks == ("acl-ocr", "acl-math", "acl-vp", "acl-app")
    assert [task.removeprefix("trigap-") for task in find_suite("trigap").tasks] == [
        *("pmcvqa", "docvqa", "chartqa", "iconqa", "infographicvqa"),
        *("arxivqa", "roadside", "chemvqa", "floodnetvqa", "clevr"),
    ]
    assert len(find_suite("coin-twin").tasks) == 4
    with pytest.raises(AtlasError, match="unknown suite 'ucit-twin'"):
        twin_suite("ucit")


def test_an_order_of_some_of_the_tasks_keeps_their_order() -> None:
    suite = find_suite("mtil")
    assert suite.order("II", suite.among(("aircraft", "mnist", "dtd"))) == ("mnist", "aircraft", "dtd")


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(AtlasError, match="unknown suite 'mtill'. Did you mean 'mtil'"):
        find_suite("mtill")
    with pytest.raises(AtlasError, match=r"unknown order of the suite mtil 'III'. Did you mean 'II'\? Known: I, II"):
        find_suite("mtil").order("III", find_suite("mtil").tasks)
    with pytest.raises(AtlasError, match="unknown task of the suite mtil 'mnits'. Did you mean 'mnist'"):
        find_suite("mtil").among(("mnits",))
