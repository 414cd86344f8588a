"""The executor of shards: threads of this process, or Ray Data on all cores or nodes.

Starting Ray takes seconds, so it is worth it for many pictures only, and on few cores threads are as fast.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.cluster.connect import join_ray
from atlas.data.shard import Shard, ShardContext, is_done, write_shard
from atlas.runtime.carried_modules import CarriedModules
from atlas.runtime.errors import AtlasError, UserError
from atlas.tasks.user_task import carried_by_task

if TYPE_CHECKING:
    import pyarrow as pa

THREADS = 4
RAY_PICTURES = 20_000  # from so many on Ray Data is used, on a cluster or where this machine has more cores
OnItems = Callable[[int], None]


def wants_ray(pictures: int) -> bool:
    """Whether so many pictures are better decoded by Ray Data."""
    return pictures >= RAY_PICTURES and (bool(os.environ.get("RAY_ADDRESS")) or (os.cpu_count() or 1) > THREADS)


class Executor:
    """Writes the files of shards into a folder, in this process or, inside `with`, by Ray Data."""

    def __init__(self, folder: Path, shard_context: ShardContext, *, ray: bool) -> None:
        self.folder, self.shard_context, self.ray = folder, shard_context, ray

    def run(self, shards: Iterable[Shard], on_items: OnItems) -> None:
        """Write all of them; `on_items` gets the number of items of each that is done. Raises UserError."""
        if self.ray:
            return _by_ray(shards, self.folder, self.shard_context, on_items)
        shard_context = replace(self.shard_context, threads=min(THREADS, os.cpu_count() or 1))
        for shard in shards:
            write_shard(shard, self.folder, shard_context)
            on_items(len(shard))
        return None


@contextmanager
def ray_cluster(wanted: bool) -> Iterator[None]:
    """Connect to a Ray cluster inside: that of RAY_ADDRESS, or one of its own that ends with the context.

    Raises InfrastructureError where the cluster does not answer.
    """
    if not wanted:
        yield
        return
    import ray

    if ray.is_initialized():
        yield
        return
    watchdog = join_ray()
    try:
        yield
    finally:
        ray.shutdown()
        watchdog.close()


def _by_ray(shards: Iterable[Shard], folder: Path, shard_context: ShardContext, on_items: OnItems) -> None:
    """A window of shards at a time, so that the driver never holds all of them."""
    import ray

    present = {path.name for path in folder.iterdir()}  # listed, since NFS caches lookups that failed
    stream = iter(shards)
    most = max(64, int(8 * ray.cluster_resources().get("CPU", 1)))
    while window := list(islice(stream, most)):
        waiting = [one for one in window if one.file not in present or not is_done(folder / one.file, one.digest)]
        if len(waiting) < len(window):
            on_items(sum(map(len, window)) - sum(map(len, waiting)))
        _by_ray_data(waiting, folder, shard_context, on_items)


def _by_ray_data(window: Sequence[Shard], folder: Path, shard_context: ShardContext, on_items: OnItems) -> None:
    """Raises what a worker raised that cannot write, and UserError where one does not see the folder."""
    import ray
    from ray import cloudpickle

    if not window:
        return
    _silence()
    items = [{"shard": cloudpickle.dumps(shard)} for shard in window]
    carried = carried_by_task(shard_context.task.name)  # first, so that it is unpickled first
    write_all = partial(_write_all, carried=carried, folder=folder, shard_context=shard_context)
    data = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        write_all, batch_size=1, batch_format="pyarrow"
    )
    for row in data.iter_rows():
        if row["error"]:
            raise pickle.loads(row["error"])
        on_items(row["items"])


def _write_all(table: pa.Table, *, carried: CarriedModules, folder: Path, shard_context: ShardContext) -> pa.Table:
    """On a worker: write the shards of a batch, and report them. `carried` is there by now, which is all it is for."""
    import pyarrow

    reports = []
    for content in table["shard"].to_pylist():
        shard: Shard = pickle.loads(content)
        error = _write(shard, folder, shard_context)
        reports.append({"items": len(shard), "error": b"" if error is None else pickle.dumps(error)})
    return pyarrow.Table.from_pylist(reports)


def _write(shard: Shard, folder: Path, shard_context: ShardContext) -> AtlasError | None:
    """The error where a shard could not be written: Ray Data would wrap one that is raised."""
    import socket

    if not folder.is_dir():
        return UserError(
            f"the node {socket.gethostname()} does not see {folder}: choose a --storage that all nodes share"
        )
    try:
        write_shard(shard, folder, shard_context)
    except AtlasError as error:
        return error
    return None


def _silence() -> None:
    """Turn off Ray Data's own progress bars and reports; `on_items` replaces them."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
