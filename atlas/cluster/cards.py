"""The cards of a cluster's nodes, by the resources in which Ray names them, and what they compute in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from atlas.cluster.ray_internals import ACCELERATOR

# NVIDIA's cards before Ampere, as Ray shortens their names (Kepler to Turing)
WITHOUT_BFLOAT16 = r"(GRID-)?[KMPT]\d\S*|V100\S*|GP100|GV100|GeForce-(GTX|RTX-20|MX)\S*|TITAN\S*|Quadro\S*"


def cards_of(nodes: Iterable[Mapping[str, float]]) -> list[str]:
    """The names of the nodes' cards, such as `V100`, sorted; none where the nodes do not say."""
    names = {name.removeprefix(ACCELERATOR) for node in nodes for name in node if name.startswith(ACCELERATOR)}
    return sorted(names)


def cards_without_bfloat16(nodes: Iterable[Mapping[str, float]]) -> list[str]:
    """Those of the nodes' cards that do not compute in bfloat16. A name that is not known is taken for a newer card."""
    return [card for card in cards_of(nodes) if re.fullmatch(WITHOUT_BFLOAT16, card)]
