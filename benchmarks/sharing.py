"""Is a sweep on shared steps and running fleets faster than plain Ray Tune, with one TorchTrainer a trial?

    python benchmarks/sharing.py              6 orders of 3 tasks, both ways, on this machine
    python benchmarks/sharing.py --steps 100         training dominates: what is saved is the idle core
    python benchmarks/sharing.py --tasks digits piqa-twin easy-vqa easy-ve     all 24 orders of 4 tasks
    python benchmarks/sharing.py --tasks digits piqa-twin easy-vqa easy-ve --orders 8     8 of them, evenly spread

The plain way is what Ray's documentation shows: a Tune trial builds and fits a `TorchTrainer` that walks its order
from the bare backbone; nothing is shared. Ray's default of one CPU for a trial and one for its worker lets two CPUs
hold one such trial at a time (two would wait for each other for ever); `--concurrent 2` gives the plain way the leaner
requests that it needs to run two. Both ways end with the same results: all orders, and each task's references (a lone
adapter, the head alone, the untrained head), which make relative accuracy. Learner, schedule, seeds, data and scoring
are the same, and so must be every figure, to the bit. Printed: wall times, start-up included, their ratio, its parts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import permutations
from math import factorial
from pathlib import Path
from typing import Any

TASKS = ["digits", "piqa-twin", "easy-vqa"]
REFERENCES = ("lone", "head_only", "untrained")
HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run both ways, each in a process of its own, and print the comparison."""
    parser = _parser()
    given = parser.parse_args()
    given.orders = given.orders or factorial(len(given.tasks))
    if not 1 <= given.orders <= factorial(len(given.tasks)):
        parser.error(f"--orders {given.orders}: {len(given.tasks)} tasks have {factorial(len(given.tasks))} orders")
    if given.plain:
        return plain(given)
    with tempfile.TemporaryDirectory(prefix="atlas-benchmark-") as folder:
        given.storage = given.storage or folder
        _prepare(given)
        ours, _ = _timed("platform", _platform_command(given))
        theirs, _ = _timed("plain Tune", [sys.executable, __file__, *_plain_arguments(given)])
        summary = json.loads(next(Path(given.storage).glob("sweeps/*/summary.json")).read_text())
        report(given, summary, ours, theirs)
    return None


def report(given: argparse.Namespace, summary: dict[str, Any], ours: float, theirs: float) -> None:
    """Print the ratio with its parts; exits with 1 where a figure differs."""
    expected = json.loads((Path(given.storage) / "plain.json").read_text())
    found = {f"atlas {','.join(trial['order'])}": trial["R"]["test"]["latest"] for trial in summary["trials"]}
    for name, by_seed in summary["references"].items():
        found |= {f"{name} {task}": [[scores["test"]]] for task, scores in by_seed["0"].items()}
    same = found == expected["R"]
    trials, ledger = f"{len(expected['R'])} trials, {given.concurrent} at a time", summary["ledger"]
    print(f"\norders {given.orders}, tasks {len(given.tasks)}, updates a stage {given.steps}, on {os.cpu_count()} CPUs")
    print(f"plain Ray Tune, {trials:24}: {theirs:7.1f} s  ({expected['learning']:.1f} s of it in steps)")
    print(f"  its orders without the references     : {expected['orders']:7.1f} s")
    trained = f"{ledger['seconds_trained']:.1f} s of fleets in steps, {summary['plan']['distinct_steps']} of them"
    print(f"this platform, reporting included       : {ours:7.1f} s  ({trained})")
    print(f"ratio, same results                     : {theirs / ours:7.2f} ×")
    print(f"ratio, the plain way without references : {expected['orders'] / ours:7.2f} ×")
    print(f"all figures identical                   : {same}")
    if not same:
        sys.exit(1)


def plain(given: argparse.Namespace) -> None:
    """The plain way: Ray Tune over all orders, then over the references, each trial with a TorchTrainer of its own."""
    import ray

    started = time.perf_counter()
    ray.init(address="local", log_to_driver=False, num_cpus=os.cpu_count())
    facts = tune_over(given, "atlas", orders_of(given))
    orders = time.perf_counter() - started
    for name in REFERENCES:
        facts += tune_over(given, name, [[task] for task in given.tasks])
    found = {f"{fact['learner']} {fact['order']}": fact["R"] for fact in facts}
    out = {"R": found, "learning": sum(fact["seconds"] for fact in facts), "orders": orders}
    (Path(given.storage) / "plain.json").write_text(json.dumps(out))


def tune_over(given: argparse.Namespace, learner: str, orders: list[list[str]]) -> list[dict[str, Any]]:
    """One Tune run: a trial for each of the orders, by one learner; gives what each trial wrote."""
    from ray import tune

    tuner = tune.Tuner(
        tune.with_resources(fit_one, {"CPU": 1.0 if given.concurrent == 1 else 0.1}),
        param_space={"order": tune.grid_search(orders), "learner": learner, "given": vars(given)},
        tune_config=tune.TuneConfig(max_concurrent_trials=given.concurrent),
        run_config=tune.RunConfig(storage_path=str(Path(given.storage) / "plain"), name=learner, verbose=0),
    )
    results = tuner.fit()
    return [json.loads(Path((results[i].metrics or {})["file"]).read_text()) for i in range(len(results))]


def fit_one(config: dict[str, Any]) -> None:
    """One trial: build and fit a TorchTrainer for one order."""
    from ray import train, tune
    from ray.train.torch import TorchTrainer

    given = config["given"]
    folder = Path(given["storage"]) / "plain" / "-".join([config["learner"], *config["order"]])
    folder.mkdir(parents=True)
    TorchTrainer(
        walk_one,
        train_loop_config={**config, "folder": str(folder)},
        scaling_config=train.ScalingConfig(
            num_workers=1, resources_per_worker={"CPU": 1.0 if given["concurrent"] == 1 else 0.8}
        ),
        run_config=train.RunConfig(storage_path=str(folder), name="train"),
    ).fit()
    tune.report({"file": str(folder / "facts.json")})


def walk_one(config: dict[str, Any]) -> None:
    """The training loop: every step of the order, from the bare backbone, into a store of its own."""
    import torch

    from atlas.config.experiment import Experiment
    from atlas.config.learners import base_learner
    from atlas.config.sweep import Sweep
    from atlas.learners.process_group import ProcessGroup
    from atlas.steps.graph import WalkGraph
    from atlas.steps.train import open_worker_context, train_step
    from atlas.steps.walk import Walk
    from atlas.steps.walk_result import WalkResult
    from atlas.storage.store import Store
    from atlas.sweep.inputs import resolve_inputs
    from atlas.sweep.trial_rows import known_scores

    torch.set_num_threads(1)
    options = options_of(argparse.Namespace(**config["given"]))
    inputs = resolve_inputs(options)
    worker_context = open_worker_context(
        str(inputs.backbone), {n: str(p.path) for n, p in inputs.prepared.items()}, ProcessGroup()
    )
    store = Store.open(str(Path(config["folder"]) / "store"))
    order = tuple(config["order"])
    learner: Any = base_learner(options.training)
    if config["learner"] != "atlas":
        references = Experiment(sweep=Sweep(name="", question=""), options=options).references()[config["learner"]]
        learner = next(walk.learner for walk in references if walk.order == order)
    walk = Walk(order=order, learner=learner, seed=0)
    outcome = WalkResult(walk=walk, graph=WalkGraph(inputs.step_inputs))
    for step in (step for stages in outcome.steps for step in stages):
        outcome.add(step, train_step(step, worker_context, store))
    seconds = sum(result.cost.seconds for result in outcome.results.values())
    facts = {"learner": config["learner"], "order": ",".join(order), "seconds": seconds}
    facts["R"] = known_scores(outcome.matrix("test", "latest"))
    (Path(config["folder"]) / "facts.json").write_text(json.dumps(facts))


def orders_of(given: argparse.Namespace) -> list[list[str]]:
    """The orders that both ways train: all of the tasks', or as many, evenly spread over them in their sorted order."""
    every = [list(order) for order in permutations(given.tasks)]
    return [every[number * len(every) // given.orders] for number in range(given.orders)]


def options_of(given: argparse.Namespace) -> Any:
    """The sweep's options that both ways share."""
    from atlas.sweep import Options

    return Options.of(
        tasks=tuple(given.tasks), steps=given.steps, evaluate=tuple(given.evaluate), storage=given.storage
    )


def _prepare(given: argparse.Namespace) -> None:
    from atlas.sweep.inputs import resolve_inputs

    resolve_inputs(options_of(given))


def _platform_command(given: argparse.Namespace) -> list[str]:
    sweep = HERE.parent / "sweeps" / "task_order.py"
    fleets = ["--fleets", str(given.fleets)] if given.fleets else []
    return [sys.executable, str(sweep), "--orders", *map(",".join, orders_of(given)), *fleets, *_arguments(given)]


def _arguments(given: argparse.Namespace) -> list[str]:
    evaluate = map(str, given.evaluate)
    return ["--storage", given.storage, "--steps", str(given.steps), "--evaluate", *evaluate, "--tasks", *given.tasks]


def _plain_arguments(given: argparse.Namespace) -> list[str]:
    return ["--plain", "--orders", str(given.orders), "--concurrent", str(given.concurrent), *_arguments(given)]


def _timed(name: str, command: list[str]) -> tuple[float, str]:
    print(f"{name} …", flush=True)
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return time.perf_counter() - started, done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="tasks (default: %(default)s)")
    parser.add_argument("--orders", type=int, default=0, help="how many of their orders (default: all)")
    parser.add_argument("--steps", type=int, default=5, help="updates a stage (default: %(default)s)")
    parser.add_argument("--evaluate", type=int, nargs=2, default=[64, 128], help="records of val and of test")
    parser.add_argument("--storage", default="", help="keep everything here (default: a temporary folder)")
    parser.add_argument("--fleets", type=int, help="the platform's fleets (default: what the machine holds)")
    parser.add_argument("--concurrent", type=int, default=1, help="plain trials at once (default: %(default)s)")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
