"""Record a table of real scores after every prefix of every order, for benchmarks of searches that train nothing.

    python benchmarks/record_table.py benchmarks/tables/four.json --seeds 0 1 --steps 40 --evaluate 200 50
    python benchmarks/record_table.py benchmarks/tables/five.json --seeds 0 1 2 --backbone clip-tiny \\
        --suite mtil-twin --tasks mnist-twin dtd-twin eurosat-twin cifar100-twin oxford-pets-twin --steps 10 \\
        --readout similarity --score-ahead no --evaluate 200 50 --variant "--learner fine-tuning"
    python benchmarks/record_table.py FILE --variant "--rank 8" --variant "--rank 16" --tasks digits easy-vqa easy-ve
    python benchmarks/record_table.py FILE --sweep sweeps/orders_and_settings.py --tasks digits easy-vqa easy-ve

Every other option is one of the sweep task-order, which is run over all orders: once, or once for each variant, on the
same store. With --sweep every setting of a sweep's grid is walked along all orders, and is a variant. A table is JSON:
`command`, which made it; `tasks`; and `variants`, each with its `options` or `settings`, its `seeds` and `scores`:
prefix (`a > b`) → for each seed the validation scores of the prefix's tasks after its last, in the prefix's order, in
percent, on route latest. Cost: the sweeps'; nothing where the store has the steps, so that a table with one seed is
recorded again with three for the price of two. The searches of orders take the mean of the seeds for the truth, and
with noise single seeds for what a trial shows (python -m benchmarks.search --tasks --noise 0 1 --tables FILE).
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import atlas
from atlas.config.command_line import read_command_line
from atlas.report.summary.trial import TrialRow
from atlas.sweep import Options
from atlas.sweep.file import load_sweep

MOST_SETTINGS = 1000


def recorded(trials: Sequence[TrialRow]) -> dict[str, Any]:
    """The seeds of walks, and the scores after each of their prefixes.

    Raises SystemExit for a walk that is not complete.
    """
    scores: dict[str, dict[int, list[float]]] = {}
    for trial in trials:
        if trial.status != "FINISHED":
            raise SystemExit(
                f"the walk {' > '.join(trial.order)} of seed {trial.seed} is {trial.status}; run it again."
            )
        for place, row in enumerate(trial.R["val"]["latest"]):
            prefix = " > ".join(trial.order[: place + 1])
            scores.setdefault(prefix, {})[trial.seed] = [
                round(score, 4) for score in row[: place + 1] if score is not None
            ]
    seeds = sorted({trial.seed for trial in trials})
    ordered = sorted(scores, key=lambda prefix: (prefix.count(">"), prefix))
    return {"seeds": seeds, "scores": {prefix: [scores[prefix][seed] for seed in seeds] for prefix in ordered}}


def record(arguments: Sequence[str], variants: Sequence[str], command: str) -> dict[str, Any]:
    """Run the sweep over all orders, once for each of the variants, and make the table."""
    found: list[dict[str, Any]] = []
    tasks: tuple[str, ...] = ()
    for variant in variants:
        words = [*arguments, *shlex.split(variant), "--orders", "all"]
        options = read_command_line("", Options(), words, prog="task-order").options
        found.append({"options": variant, **recorded(atlas.run("task-order", options).summary.trials)})
        tasks = options.search.with_twins().tasks
    return {"command": command, "tasks": list(tasks), "variants": found}


def record_settings(arguments: Sequence[str], file: Path, command: str) -> dict[str, Any]:
    """Walk every setting of the sweep's grid along all orders, and make the table.

    Raises SystemExit for a sweep whose settings are no grid.
    """
    sweep = replace(load_sweep(file), searches_orders=False, held_out=0, points=(), trials=MOST_SETTINGS)
    sweep = replace(sweep, defaults=sweep.defaults.changed(sampler=""))
    options = read_command_line("", sweep.defaults, [*arguments, "--orders", "all"], prog=sweep.name).options
    trials = atlas.run(sweep, options).summary.trials
    if len({json.dumps(trial.settings) for trial in trials}) >= MOST_SETTINGS:
        raise SystemExit(f"the settings of {file} are no grid of fewer than {MOST_SETTINGS}.")
    by_settings: dict[str, list[TrialRow]] = {}
    for trial in trials:
        by_settings.setdefault(json.dumps(trial.settings, sort_keys=True), []).append(trial)
    variants = [{"settings": json.loads(spelt), **recorded(rows)} for spelt, rows in sorted(by_settings.items())]
    return {"command": command, "tasks": list(options.search.with_twins().tasks), "variants": variants}


def written(table: dict[str, Any]) -> str:
    """A table as JSON, a line a prefix."""
    text = json.dumps(table, indent=1)
    lines: list[str] = []
    for line in text.splitlines():
        inner = line.lstrip(" ")
        depth = len(line) - len(inner)
        lines.append(inner if depth > 4 or (lines and inner[:1] in "]}" and depth >= 4) else "\n" + line)
    return "".join(lines).strip() + "\n"


def main() -> None:
    """Record the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE", help="where to write the table")
    parser.add_argument("--variant", action="append", default=[], help="options of a variant, as one word")
    parser.add_argument("--sweep", type=Path, help="a sweep of settings, whose grid is recorded")
    given, arguments = parser.parse_known_args()
    command = shlex.join(["python", "benchmarks/record_table.py", *sys.argv[1:]])
    if given.sweep and given.variant:
        raise SystemExit("--sweep has variants of its own: leave --variant out.")
    if given.sweep:
        table = record_settings(arguments, given.sweep, command)
    else:
        table = record(arguments, given.variant or [""], command)
    given.file.parent.mkdir(parents=True, exist_ok=True)
    given.file.write_text(written(table))


if __name__ == "__main__":
    main()
