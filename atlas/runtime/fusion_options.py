"""The options of an adapter stack's fusion (METHOD, 2), by name.

They stand here because `atlas.adapters`, which implements them, imports torch, and the learners' settings must not.
"""

from __future__ import annotations

from typing import Final

WEIGHTINGS: Final = ("whole", "dimension")
NORMALISATIONS: Final = ("none", "sum", "softmax")
SKIPS: Final = ("inside", "outside")
COMBINATIONS: Final = ("learned", "uniform", "fixed")
FUSION_OPTIONS: Final = {
    "weighting": WEIGHTINGS,
    "normalisation": NORMALISATIONS,
    "skip": SKIPS,
    "combination": COMBINATIONS,
}
