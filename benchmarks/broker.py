"""How many steps a second does the broker hand out, in how much memory, and how soon is a lease answered?

    python benchmarks/broker.py                    10,000, 100,000 and 1,000,000 steps, 1,000 fleets
    python benchmarks/broker.py --steps 1000       another number of steps
    python benchmarks/broker.py --ray              and leases through a Ray actor, with a store on disk

The broker's own class in one event loop, over a store in memory, with fleets that train nothing: each leases, renews
once and is done. The steps are a tree in which each has `FAN_OUT` children; they are described and queued in chunks,
pickled as they travel, while fleets train. Each size runs in a process of its own, whose peak memory is printed; of a
small one the median of several rounds.
With 5,000 requests outstanding and steps queued, the fleets train for about a second each, and their leases are timed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import multiprocessing
import pickle
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from atlas.execution.broker import Broker
from atlas.execution.broker_client import CHUNK, BrokerClient
from atlas.execution.messages import Grant
from atlas.execution.step_registry import StepNode
from atlas.learners import Schedule, TwoStage
from atlas.simulation.memory_store import MemoryStore, MemoryStoreView
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk
from atlas.storage.step_result import StepResult

SIZES = (10_000, 100_000, 1_000_000)
FLEETS = 1000
REQUESTS = 5000
LEASES = 5000
FAN_OUT = 4
ROUNDS_OF = 70_000  # steps: a round of a few thousand is over within a second, and says little
TRAINING_SECONDS = 1.0
RESULT = StepResult(title="a step")


def key_of(number: int) -> str:
    """The key of a step of the tree."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def tree(count: int, fan_out: int = FAN_OUT) -> Iterator[list[StepNode]]:
    """The nodes of a tree of so many steps, in chunks as they travel; each builds on one of those before it."""
    learner = TwoStage(experience=None, expansion=Schedule(steps=1))
    walk = Walk(order=("task",), learner=learner, seed=0)
    root: Step = walk.steps(StepInputs(backbone="backbone", data={"task": "data"}))[0][0]
    for start in range(0, count, CHUNK):
        chunk = [
            StepNode(
                key=key_of(number),
                own=replace(root, seed=number),
                parent=key_of((number - 1) // fan_out) if number else None,
            )
            for number in range(start, min(start + CHUNK, count))
        ]
        yield pickle.loads(pickle.dumps(chunk))


async def feed(broker: Broker, count: int, fan_out: int = FAN_OUT) -> None:
    """Describe and queue the steps, a chunk after another."""
    for nodes in tree(count, fan_out):
        await broker.describe(nodes)
        await broker.anticipate([node.key for node in nodes])
        await asyncio.sleep(0)


async def serve(broker: Broker, store: MemoryStoreView, fleet: str, seconds: float, waits: list[float]) -> None:
    """One fleet: lease, train for about so many seconds, renew and report, until the broker closes."""
    await asyncio.sleep(seconds * random.random())  # fleets do not start at one moment
    while True:
        began = time.perf_counter()
        grant = await asyncio.ensure_future(broker.lease(fleet, 5.0))  # the wait for the loop counts, too
        if grant == "close":
            return
        if isinstance(grant, Grant):
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(seconds * random.uniform(0.5, 1.5))
            await broker.renew(fleet, grant.key, grant.scope, 0.5)
            store.store.commit((grant.scope, grant.key), RESULT)
            await broker.done(grant.key, grant.scope, 1.0)


async def until_done(broker: Broker, count: int) -> None:
    """Wait until so many steps are trained."""
    while (await broker.status()).trained < count:
        await asyncio.sleep(0.02)


async def hand_out(count: int) -> tuple[float, float]:
    """The steps a second, and a second of CPU time, from the first description to the last report."""
    store = MemoryStoreView(MemoryStore(), "benchmark")
    broker = Broker(store)
    began, worked = time.perf_counter(), time.process_time()
    fleets = [asyncio.ensure_future(serve(broker, store, f"fleet-{n}", 0.0, [])) for n in range(FLEETS)]
    await feed(broker, count)
    await until_done(broker, count)
    rates = count / (time.perf_counter() - began), count / (time.process_time() - worked)
    await broker.close()
    await asyncio.gather(*fleets)
    return rates


async def time_leases(leases: int, requests: int, seconds: float) -> tuple[int, list[float]]:
    """The requests outstanding while fleets lease, train and report, and the seconds that each lease took."""
    store, waits = MemoryStoreView(MemoryStore(), "benchmark"), list[float]()
    broker, count = Broker(store), 2 * (leases + FLEETS) + requests
    store.store.commit(("", key_of(0)), RESULT)  # all others build on it: whoever asks for a lease finds steps queued
    await feed(broker, count, fan_out=count)
    last = [key_of(number) for number in range(count - requests, count)]
    asked = [asyncio.ensure_future(broker.request([key])) for key in last]
    await asyncio.sleep(0)
    fleets = [asyncio.ensure_future(serve(broker, store, f"fleet-{n}", seconds, waits)) for n in range(FLEETS)]
    while len(waits) < leases:  # looked at in each turn of the loop: in 0.1 s a fast machine would train them all
        await asyncio.sleep(0)
    outstanding = sum(not one.done() for one in asked)
    for task in (*fleets, *asked):
        task.cancel()
    await asyncio.gather(*fleets, *asked, return_exceptions=True)
    return outstanding, waits


def measure(count: int, steps: int) -> tuple[float, float, float]:
    """(steps a second, steps a second of CPU time, peak memory in MiB) of this process: medians of several rounds.

    As many as have so many `steps` together, and one at least.
    """
    rounds = [asyncio.run(hand_out(count)) for _ in range(max(1, steps // count))]
    rate, of_cpu = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    return rate, of_cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report_rates(console: Console, sizes: Sequence[int], *, rounds_of: int = ROUNDS_OF) -> None:
    """Print the rate and the memory at each size, in rounds that have so many steps together."""
    found: list[tuple[int, float, float, float]] = []
    for count in sizes:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as process:
            found.append((count, *process.submit(measure, count, rounds_of).result()))
    names = ("steps", "steps/s", "steps/s of CPU time", "of the first", "peak memory, MiB")
    table = Table(*names, title=f"{FLEETS:,} fleets")
    for count, rate, of_cpu, memory in found:
        share = f"{of_cpu / found[0][2]:.2f}"
        table.add_row(f"{count:,}", f"{rate:,.0f}", f"{of_cpu:,.0f}", share, f"{memory:,.0f}")
    console.print(table)


def report_waits(console: Console, outstanding: int, waits: Sequence[float], where: str) -> None:
    """Print the median and the 99th percentile of the leases' times."""
    table = Table("requests outstanding", "leases", "median, ms", "p99, ms", title=f"time of a lease, {where}")
    p99 = statistics.quantiles(waits, n=100)[98]
    median = statistics.median(waits)
    table.add_row(f"{outstanding:,}", f"{len(waits):,}", f"{1e3 * median:.2f}", f"{1e3 * p99:.2f}")
    console.print(table)


def through_ray(requests: int, leases: int) -> tuple[int, list[float]]:
    """The same through an actor of Ray's: requests of one client outstanding, leases one after another."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory(prefix="atlas-benchmark-") as folder:
        broker = BrokerClient.start(folder, "benchmark")
        for nodes in tree(requests + leases):
            ray.get(broker.actor.describe.remote(nodes))
        ray.get(broker.actor.anticipate.remote([key_of(number) for number in range(leases)]))
        last = [key_of(number) for number in range(leases, leases + requests)]
        asked = [broker.actor.request.remote([key]) for key in last]
        waits = list[float]()
        while len(waits) < leases // FAN_OUT and not broker.status().count("queued"):
            time.sleep(0.01)
        for number in range(leases // FAN_OUT):
            began = time.perf_counter()
            broker.lease(f"fleet-{number}", 0.0)
            waits.append(time.perf_counter() - began)
        outstanding = len(ray.wait(asked, num_returns=requests, timeout=0)[1])
    ray.shutdown()
    return outstanding, waits


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=SIZES, help="numbers of steps")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="requests outstanding while leases are timed")
    parser.add_argument("--leases", type=int, default=LEASES, help="leases that are timed")
    parser.add_argument("--ray", action="store_true", help="time leases through a Ray actor, too")
    given = parser.parse_args()
    console = Console()
    report_rates(console, given.steps)
    waited = asyncio.run(time_leases(given.leases, given.requests, TRAINING_SECONDS))
    report_waits(console, *waited, "in one event loop")
    if given.ray:
        report_waits(console, *through_ray(given.requests, given.leases), "through Ray")


if __name__ == "__main__":
    main()
