"""The type of numbers of a generative backbone's frozen weights, as precision and `--weights` decide it. Thin.

Weights of another type give other scores. The usual type follows from the precision, which is part of every step's key;
another one is part of the key itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from atlas.backbones import locate
from atlas.backbones.families import family_of
from atlas.backbones.load_options import LoadOptions

if TYPE_CHECKING:
    from atlas.cluster.options import Weights
    from atlas.learners.schedule import Precision


def frozen_type(precision: Precision, asked: Weights | Literal[""] = "auto") -> Weights:
    """The type as `asked`; `auto` and "" take bfloat16 where learners compute in bfloat16, else float32.

    In float16, which older cards need, float32 weights are cast once (`FrozenWeights`), and lose no range before.
    """
    if asked == "auto" or not asked:
        return "bfloat16" if precision == "bfloat16" else "float32"
    return asked


def type_beside(precision: Precision, asked: Weights) -> Weights | Literal[""]:
    """The type that is asked for, where it is not the usual one of the precision; else ""."""
    return "" if asked in ("auto", frozen_type(precision)) else asked


def options_for(backbone: str | Path, precision: Precision, asked: Weights | Literal[""] = "auto") -> LoadOptions:
    """How that backbone is loaded for steps of this precision: as ever, where its family has no choice.

    Raises UserError as `locate` does.
    """
    if not family_of(locate(backbone)).prompts:
        return LoadOptions()
    return LoadOptions(weights=frozen_type(precision, asked))
