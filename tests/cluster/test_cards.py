from __future__ import annotations

import pytest

from atlas.cluster.cards import cards_of, cards_without_bfloat16

OLD = ("K80", "M60", "P4", "P100", "V100", "V100S", "T4", "T4G", "GeForce-GTX-1080-Ti", "GeForce-RTX-2080", "TITAN-V")
NEW = (
    "A10G",
    "A100",
    "A100-40G",
    "H100",
    "H200",
    "B200",
    "L4",
    "L40S",
    "RTX-A6000",
    "GeForce-RTX-3090",
    "RTX-PRO-6000",
)


@pytest.mark.parametrize("card", OLD)
def test_cards_before_ampere_have_no_bfloat16(card: str) -> None:
    assert cards_without_bfloat16([{"CPU": 8.0, "GPU": 1.0, f"accelerator_type:{card}": 1.0}]) == [card]


@pytest.mark.parametrize("card", NEW)
def test_newer_cards_and_those_that_are_not_known_have_it(card: str) -> None:
    assert cards_without_bfloat16([{"CPU": 8.0, "GPU": 1.0, f"accelerator_type:{card}": 1.0}]) == []


def test_the_cards_of_all_nodes_are_found_once_each() -> None:
    nodes = [{"CPU": 1.0}, {"accelerator_type:V100": 1.0}, {"accelerator_type:T4": 1.0}, {"accelerator_type:V100": 1.0}]
    assert cards_of(nodes) == ["T4", "V100"]
    assert cards_of([]) == []
