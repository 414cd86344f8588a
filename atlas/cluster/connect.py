"""This process in a Ray cluster: one that it joins, or one of its own on this machine that ends with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from atlas.cluster.watchdog import Warden, watched
from atlas.runtime.errors import AtlasError

log = logging.getLogger(__name__)

STARTS = 3


def join_ray(**more: Any) -> Warden:
    """Join the cluster that RAY_ADDRESS names, or start one on this machine; `more` are options of `ray.init`.

    Gives the warden of what was started: close it after `ray.shutdown()`.

    Raises:
        AtlasError: the cluster does not answer, or refuses the token.
    """
    import ray

    address = os.environ.get("RAY_ADDRESS") or "local"
    own: dict[str, Any] = {"include_dashboard": False, "num_cpus": os.cpu_count()} if address == "local" else {}
    how = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR, **own, **more}
    try:
        return _started(partial(ray.init, **how))
    except Exception as error:
        raise AtlasError(
            f"no Ray cluster at {address}: {_first_line(error)} Check RAY_ADDRESS (unset it to start one here), and "
            f"that RAY_AUTH_MODE=token and the token are those of the cluster."
        ) from error


def _started(start: Callable[[], object]) -> Warden:
    """Start or join the cluster; on a very busy machine Ray gives up after 20 to 30 s, and it is tried again."""
    import ray

    for _ in range(STARTS - 1):
        try:
            return watched(start)
        except Exception as error:  # a bare one where a node does not come up in time
            if "during startup" not in str(error):
                raise
            log.warning("Ray did not start in time on this busy machine; once more …")
            ray.shutdown()
    return watched(start)


def _first_line(error: Any) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
