"""Addresses without their secrets: what may be printed, logged and kept."""

from __future__ import annotations

import re

HIDDEN = "***"
USER = re.compile(r"(?<=://)(?!/)\S*@")
VIEW = "viewStateShareKey="  # the name of a view in the MLflow UI, which is no secret and without which nothing is seen
PARAMETER = re.compile(
    rf"(?<=[?&])(?!{VIEW})([\w.-]*(?:pass|pwd|secret|token|key|sig|credential)[\w.-]*=)[^&\s'\"]+", re.IGNORECASE
)


def redacted(text: str) -> str:
    """`text` with `***` for the user and password of every address in it, and for parameters named like secrets.

    Up to the last `@` of an address, since a password may hold `/`, `:` and `@`: rather too much than too little.
    """
    return PARAMETER.sub(rf"\g<1>{HIDDEN}", USER.sub(f"{HIDDEN}@", text))
