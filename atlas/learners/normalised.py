"""ATLAS with a normalised combination (ADR 50)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from atlas.learners.two_stage import Fusion, TwoStage


def _normalised() -> Fusion:
    return Fusion(normalisation="softmax", skip="outside")


@dataclass(frozen=True, kw_only=True)
class NormalisedTwoStage(TwoStage):
    """ATLAS (arXiv:2410.10923; METHOD, 2 and 3) with α normalised over the adapters by a softmax, and one skip outside
    of their sum: out = h + Σ_{i≤t} β_i ΔΦ_i(h), β = softmax(α), α_i = (cos(a_i, k_i) + 1) / 2.

    As published, out = Σ_{i≤t} α_i (h + ΔΦ_i(h)): h itself is scaled by Σ_i α_i, which changes with every task and is
    what earlier heads were not trained on. Stages and step keys are those of `atlas` with the same settings; it is a
    `TwoStage`, so that whatever takes ATLAS takes it.
    """

    name: ClassVar[str] = "atlas-normalised"
    fusion: Fusion = field(default_factory=_normalised)
