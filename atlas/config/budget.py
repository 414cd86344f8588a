"""The budget of a sweep: hours, GPU-hours of training, or steps, in all its runs together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from atlas.runtime.errors import UserError

Unit = Literal["steps", "gpu-h", "h"]
UNITS: tuple[Unit, ...] = get_args(Unit)
NO_BUDGET = "none"
MOST = 1e9
_WRITTEN = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(UNITS)})")


@dataclass(frozen=True)
class Budget:
    """An amount of `steps` trained, of `gpu-h` that fleets trained, or of `h` that the sweep ran.

    `str` writes it as `parse` reads it.
    """

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Budget:
        """The budget that is written as `8h`, `200gpu-h` or `500steps`. Raises UserError for any other text."""
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise UserError(
                f"the budget {text!r} is none; give a number with its unit: 8h (of the sweep), 200gpu-h (of training) "
                f"or 500steps, or {NO_BUDGET}."
            )
        amount, unit = float(found[1]), next(one for one in UNITS if one == found[2])
        if not 0 < amount <= MOST:
            raise UserError(f"the budget {text!r} is out of range; give more than 0 and at most {MOST:,.0f} {unit}.")
        if unit == "steps" and not amount.is_integer():
            raise UserError(f"the budget {text!r} ends within a step; give a whole number of steps.")
        return cls(amount, unit)

    def __str__(self) -> str:
        return f"{self.amount:.12g}{self.unit}"


def budget_from(text: str | None) -> Budget | None:
    """The budget of an option; None where it is not given, or `none`. Raises UserError as `Budget.parse`."""
    return None if text is None or text.strip() == NO_BUDGET else Budget.parse(text)
