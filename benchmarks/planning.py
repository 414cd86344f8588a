"""Question: how long does the plan of all orders take?

Command: python benchmarks/planning.py [--most 8]
Cost: about half a minute on one core. Expect: time and memory in proportion to the distinct steps, 219,208 of 8 tasks.

The tasks are made up, and nothing is trained: this is what `sweeps/task_order.py --dry-run --orders all` does once the
tasks are prepared, with a store that holds nothing. Each size runs in a process of its own; its CPU time is measured.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.search.proposals import foresee
from atlas.steps.graph import WalkGraph
from atlas.steps.step import StepInputs
from atlas.storage.store import Store
from atlas.sweep.plan import Pace, Plan, plan

SWEEP = Sweep(name="planning", question="?", searches_orders=True)
COLUMNS = "{:>5} {:>8} {:>14} {:>8} {:>9}"


def plan_all_orders(tasks: int, folder: str) -> Plan:
    """The plan for all orders of so many tasks, with an empty store in `folder`."""
    names = tuple(f"task-{number}" for number in range(tasks))
    experiment = Experiment(sweep=SWEEP, options=Options.of(tasks=names, orders=("all",)))
    graph = WalkGraph(StepInputs(backbone="0" * 64, data={name: f"{name:0<64}" for name in names}))
    proposals, references = foresee(experiment), experiment.auxiliary_walks()
    stored = Store.open(folder).has([step.key for step in graph.distinct([*proposals.walks, *references])])
    return plan(proposals, references, graph, stored=stored, pace=Pace(per_record=0.01, at_once=1, sizes={}))


def measure(tasks: int) -> None:
    """Print the row of one size."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        found = plan_all_orders(tasks, folder)
        seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        COLUMNS.format(tasks, f"{found.trials:,}", f"{found.distinct:,}", f"{seconds:.2f}", f"{peak:.0f}"), flush=True
    )


def main() -> None:
    """Print a table: a row for each number of tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=8, choices=range(4, 9), help="the most tasks")
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        measure(given.only)
        return
    print(COLUMNS.format("tasks", "orders", "distinct steps", "CPU s", "peak MiB"), flush=True)
    for tasks in range(4, given.most + 1):
        subprocess.run([sys.executable, __file__, "--only", str(tasks)], check=True)


if __name__ == "__main__":
    main()
