"""This process in a Ray cluster: one that it joins, or one of its own on this machine that ends with it."""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from atlas.cluster.ray_internals import CHATTY_LOGGERS, SLOW_START, bare_node
from atlas.cluster.reach import REMEDY, check_reachable, check_socket_path, ray_address
from atlas.cluster.watchdog import Watchdog, watched
from atlas.runtime.errors import InfrastructureError
from atlas.runtime.imports import uncollected
from atlas.runtime.text import first_line
from atlas.runtime.user_modules import pickle_modules_by_value

log = logging.getLogger(__name__)

STARTS = 3
SOON = {  # a node's first attempt to connect to its own object store often comes too early; the next did after a second
    "RAY_raylet_client_connect_timeout_milliseconds": "20",
    "RAY_raylet_client_num_connect_attempts": "500",
}
HEALTH_SECONDS = 0.5  # between a controller's looks at its workers; one takes two milliseconds of CPU time


def join_ray(**more: Any) -> Watchdog:
    """Join the cluster that RAY_ADDRESS names, or start one on this machine; `more` are options of `ray.init`.

    Gives the warden of what was started: close it after `ray.shutdown()`.

    Raises:
        InfrastructureError: the cluster does not answer, or refuses the token.
        UserError: the address is none, or the folder of temporary files has too long a path.
    """
    check_reachable(ray_address())
    address = ray_address() or "local"
    if address == "local":
        check_socket_path()
    import ray

    own: dict[str, Any] = {"include_dashboard": False, "num_cpus": os.cpu_count()} if address == "local" else {}
    how = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR, **own, **more}
    try:
        with bare_node() if address == "local" else nullcontext():
            return _started(partial(ray.init, **how))
    except Exception as error:
        raise InfrastructureError(f"no Ray cluster at {address}: {first_line(error)} {REMEDY}") from error


def _started(start: Callable[[], object]) -> Watchdog:
    """Start or join the cluster; on a very busy machine Ray gives up after 20 to 30 s, and it is tried again."""
    import ray

    for _ in range(STARTS - 1):
        try:
            return watched(start)
        except Exception as error:  # a bare one where a node does not come up in time
            if SLOW_START not in str(error):
                raise
            log.warning("Ray did not start in time on this busy machine; once more …")
            ray.shutdown()
    return watched(start)


NAMESPACE = "atlas"

_watchdogs: list[Watchdog] = []  # of the processes of a cluster that this process started


def leave_cluster() -> None:
    """Leave the cluster; one of our own ends."""
    import ray

    ray.shutdown()
    while _watchdogs:
        _watchdogs.pop().close()


def join_cluster() -> None:
    """Join the cluster that RAY_ADDRESS names, or start one of our own on this machine.

    Raises:
        InfrastructureError: the cluster does not answer, or refuses the token.
    """
    _set_environment()
    for name in CHATTY_LOGGERS:  # the live view and the summary show failures
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with uncollected():
        importlib.import_module("ray")  # first, and alone: its import cycles hold in one order only
    pickle_modules_by_value()
    importing = threading.Thread(target=_import_ray, daemon=True)
    importing.start()  # while the cluster starts, which is mostly waiting
    _watchdogs.append(join_ray(namespace=NAMESPACE))
    importing.join()


def _set_environment() -> None:
    """Silence Ray's own messages on the driver, and leave out what it need not do, unless the user has set it."""
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # Tune's own tables: the live view shows the same
    if not ray_address():  # no node of our own is ever taken away after a notice; a process less
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
        for name, value in SOON.items():
            os.environ.setdefault(name, value)
    # Ray Train looks every two seconds whether a worker has ended, which is what the last fleet of a sweep waits for.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", str(HEALTH_SECONDS))
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # MLflow and the summary keep the results
    # Trials, fleets, broker and writer are more processes than Ray expects of a small machine; it warns by this number.
    os.environ.setdefault("RAY_worker_maximum_startup_concurrency", str(max(4, os.cpu_count() or 1)))


def _import_ray() -> None:
    """Import the parts of Ray that trials and fleets need, in the one order in which its import cycles work."""
    with uncollected():
        for name in ("ray.tune", "ray.train.v2.api.data_parallel_trainer"):
            importlib.import_module(name)
