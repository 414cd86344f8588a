"""The configuration of one adapter: kind, size, the adapters that it builds on, and the fusion of its stack."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from peft.config import PeftConfig

from atlas.adapters.kinds import KINDS
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.fusion_options import FUSION_OPTIONS

PEFT_TYPE = "ATLAS"
HINTING_TYPE = "ATLAS: run `import atlas.adapters` first (pip install atlas-continual)"
"""The type as exports have it: without the import, PEFT ends with a KeyError of this text."""
SHIPPED = Path(__file__).parents[1] / "backbones" / "weights"
QUERY_TOKENS = {"whole": 1, "dimension": 24}


@dataclass(kw_only=True)
class AtlasConfig(PeftConfig):
    """Settings of one adapter. They are checked when the value is made.

    Args:
        kind: what the adapter adds at a site, one of `KINDS`.
        r: rank.
        alpha: LoRA's alpha: `up` is multiplied by alpha / r; None for 1.
        target_modules: the sites, as PEFT names modules: suffixes or one regular expression; None for the default
            of the model's type. All adapters of a stack act at the same sites.
        exclude_modules: modules that are no sites although their names match.
        modules_to_save: modules trained and saved beside the adapter, as PEFT has it.
        heads: attention heads of the fusion, or those of the sites whose whole names match a regular expression; None
            for those of the model.
        weighting: one α a sample (`whole`) or a sample and feature (`dimension`).
        query_tokens: n, the tokens of a query; None for 1 (`whole`) or 24 (`dimension`).
        normalisation: of the α over the adapters: none, sum (α / Σα) or softmax.
        skip: whether each Φ_i contains its own skip (`inside`), or one stands outside the sum.
        combination: α from queries and keys (`learned`), 1/t for all (`uniform`), or `weights` (`fixed`).
        weights: the α of a fixed combination, one for each of experience and, last, for this adapter if novel.
        experience: the names of the adapters that this one builds on, oldest first.
        novel: whether it has a Φ and key of its own; False for queries over experience alone.
        init_scale: standard deviation of a bottleneck's weights at the start.
        penalty: λ, the weight of the orthogonality penalty.

    Raises:
        UserError: for a value that is not allowed.
    """

    kind: str = "bottleneck"
    r: int = 48
    alpha: float | None = None
    target_modules: list[str] | str | None = None
    exclude_modules: list[str] | str | None = None
    modules_to_save: list[str] | None = None
    heads: int | dict[str, int] | None = None
    weighting: str = "whole"
    query_tokens: int | None = None
    normalisation: str = "none"
    skip: str = "inside"
    combination: str = "learned"
    weights: list[float] | None = None
    experience: list[str] = field(default_factory=list)
    novel: bool = True
    init_scale: float = 0.02
    penalty: float = 0.1

    def __post_init__(self) -> None:
        """Checks every value."""
        super().__post_init__()
        self.peft_type = PEFT_TYPE
        self._find_base_model()
        for what in ("target_modules", "exclude_modules"):
            value = getattr(self, what)
            # sorted, so that equal settings are equal files
            setattr(self, what, value if value is None or isinstance(value, str) else sorted(value))
        if isinstance(self.experience, str):
            raise UserError(f"experience is {self.experience!r}; write a list of adapter names: [{self.experience!r}].")
        self.experience = list(self.experience)
        self._check_names()
        self._check_numbers()
        self._check_stack()

    def _find_base_model(self) -> None:
        """Put the folder of a backbone that this package ships in the place of its name, for PEFT's `AutoPeftModel`."""
        name = self.base_model_name_or_path
        if name and Path(name).name == name and (SHIPPED / name).is_dir():
            self.base_model_name_or_path = str(SHIPPED / name)

    @property
    def size(self) -> int:
        """t: how many adapters are active with this one."""
        return len(self.experience) + self.novel

    @property
    def learned(self) -> bool:
        """Whether the α come from queries and keys."""
        return self.combination == "learned"

    def heads_at(self, site: str) -> int | None:
        """The attention heads at a site; None where the configuration names none."""
        if not isinstance(self.heads, dict):
            return self.heads
        return next((heads for pattern, heads in self.heads.items() if re.fullmatch(pattern, site)), None)

    @classmethod
    def from_peft_type(cls, **kwargs: Any) -> AtlasConfig:
        """As PEFT's, but an unknown setting is an error: dropped with a warning, it would change the model.

        Raises:
            UserError: for a setting that is not known.
        """
        known = {f.name for f in fields(cls)}
        for name in kwargs:
            if name not in known:
                raise unknown("adapter setting", name, known)
        return cls(**kwargs)

    def _check_names(self) -> None:
        allowed: dict[str, Iterable[str]] = {"kind": KINDS, **FUSION_OPTIONS}
        for what, names in allowed.items():
            if getattr(self, what) not in names:
                raise unknown(what, getattr(self, what), names)

    def _check_numbers(self) -> None:
        if self.query_tokens is None:
            self.query_tokens = QUERY_TOKENS[self.weighting]
        _positive("r", self.r, whole=True)
        _positive("query_tokens", self.query_tokens, whole=True)
        _positive("init_scale", self.init_scale)
        by_site = self.heads if isinstance(self.heads, dict) else {"": self.heads}
        for pattern, heads in by_site.items():
            if heads is not None:
                _positive(f"heads of {pattern!r}" if pattern else "heads", heads, whole=True)
        if self.alpha is not None:
            _positive("alpha", self.alpha)
        if not math.isfinite(self.penalty) or self.penalty < 0:
            raise UserError(f"penalty is {self.penalty}; λ must be a finite number of at least 0 (the paper: 0.1).")
        if self.weighting == "whole" and self.query_tokens != 1:
            raise UserError(f"query_tokens is {self.query_tokens}; with weighting 'whole' a query is one token.")
        if self.weighting == "dimension" and self.query_tokens < 2:
            raise UserError("query_tokens is 1; the cosine along one token is only a sign. Use at least 2 (24).")

    def _check_stack(self) -> None:
        if len(set(self.experience)) != len(self.experience):
            raise UserError(f"experience is {self.experience}; each adapter may stand there once.")
        if not self.size:
            raise UserError("an adapter with neither experience nor a Φ of its own does nothing: set novel=True.")
        if self.combination != "fixed":
            if self.weights is not None:
                raise UserError(
                    f"weights are given, but combination is {self.combination!r}; use 'fixed' or drop them."
                )
            return
        weights = self.weights or []
        if len(weights) != self.size:
            raise UserError(
                f"weights has {len(weights)} numbers for a stack of {self.size}: one is needed for each of experience "
                f"({len(self.experience)}) and, last, for the adapter itself ({int(self.novel)})."
            )
        if not all(math.isfinite(w) for w in weights):
            raise UserError(f"weights is {weights}; all must be finite.")
        if self.normalisation == "sum" and sum(weights) <= 0:
            raise UserError(f"weights is {weights}; with normalisation 'sum' their sum must be above 0.")


def _positive(name: str, value: float, whole: bool = False) -> None:
    allowed = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not 0 < value < math.inf:
        raise UserError(f"{name} is {value!r}; it must be a {'whole ' if whole else ''}number above 0.")
