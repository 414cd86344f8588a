"""Question: which learner knows most after the last task, each tuned with one budget, and what makes ATLAS forget?

Command: python -m benchmarks.tuned --storage FOLDER
         python -m benchmarks.tuned --storage FOLDER --learners atlas o-lora --seeds 0      (a part of it)
         python -m benchmarks.tuned_table benchmarks/rows/tuned.json
Cost: about nine core-hours; a part that is stopped goes on where it was, since steps that are stored train no more.
Expect: published ATLAS last, its normalised sum near single-task adapters and the head, O-LoRA first.

Each learner is tuned by `sweeps/learner.py`: `TRIALS` settings, the first of them its usual ones, walked along the two
orders `TUNED_ON` of the default tasks with seed 0, by average accuracy after the last task on the validation split,
route latest; 80 updates a task. Its best setting is then walked along all orders of both `SETS`, with every seed. What
is reported is of the test split, and of the orders that it was not tuned on. `VARIANTS` change one thing of the
tuned `atlas-normalised`. The table has each learner's settings, and of each walk the accuracy matrix (route latest,
test, below the diagonal) and each task's score by the adapters that it was trained with (route own).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import atlas
from atlas.report.summary.trial import TrialRow
from benchmarks.record_table import written

DEFAULT = ("easy-vqa", "digits", "easy-ve", "piqa-twin")
SETS = {"default": DEFAULT, "twins": ("inaturalist-twin", "piqa-twin", "vqa-twin")}
TUNED_ON = (",".join(DEFAULT), ",".join(reversed(DEFAULT)))
TRIALS, STEPS = 6, 40  # settings a learner; updates a stage, twice as many for learners of one stage
LEARNERS = ("atlas", "atlas-normalised", "head-only", "lone-adapters", "shared-adapter", "o-lora", "replay")
BASE = "atlas-normalised"  # of which the variants change one thing
TABLE = Path(__file__).parent / "rows" / "tuned.json"

Settings = Mapping[str, Any]


def updates(settings: Settings) -> int:
    """The updates of a task in both stages of ATLAS."""
    return sum(settings[stage]["steps"] for stage in ("experience", "expansion") if settings[stage] is not None)


def both_stages(settings: Settings) -> Settings:
    """Both stages, with as many updates each."""
    half = {**settings["expansion"], "steps": updates(settings) // 2}
    return {**settings, "experience": half, "expansion": half}


def stage_2_alone(settings: Settings) -> Settings:
    """No experience stage: all updates are of the new adapter, with its key, query and head."""
    return {**settings, "experience": None, "expansion": {**settings["expansion"], "steps": updates(settings)}}


def stage_1_alone(settings: Settings) -> Settings:
    """No adapter after the first task's: all updates are of queries over it, and of the head."""
    whole = {**settings["expansion"], "steps": updates(settings)}
    like = {name: value for name, value in settings.items() if name != "name"} | {
        "experience": whole,
        "expansion": whole,
    }
    return {"name": "atlas-stage-1", "like": like}


def uniform(settings: Settings) -> Settings:
    """α = 1/t for all adapters, the skip outside of their sum."""
    fusion = {**settings["fusion"], "combination": "uniform", "normalisation": "none", "skip": "outside"}
    return {**stage_2_alone(settings), "fusion": fusion}


VARIANTS: dict[str, Callable[[Settings], Settings]] = {
    "normalised, stages 1:1": both_stages,
    "normalised, stage 2 alone": stage_2_alone,
    "normalised, stage 1 alone": stage_1_alone,
    "uniform, stage 2 alone": uniform,
}


def tuned(learner: str, storage: str) -> Settings:
    """The settings of a learner's best trial."""
    found = atlas.run(
        "learner",
        learner=learner,
        storage=storage,
        orders=TUNED_ON,
        steps=STEPS,
        trials=TRIALS,
        sampler="random",
        tasks=DEFAULT,
    )
    best = found.summary.best
    assert best is not None, f"no trial of {learner} finished"
    return dict(best.learner)


def walked(settings: Settings, tasks: Sequence[str], seeds: Sequence[int], storage: str) -> list[dict[str, Any]]:
    """The walks along all orders of the tasks. Raises SystemExit for one that did not come to its end."""
    text = json.dumps(settings, sort_keys=True)
    trials = atlas.run(
        "task-order",
        tuned=text,
        learner=settings["name"],
        storage=storage,
        orders=("all",),
        seeds=tuple(seeds),
        tasks=tuple(tasks),
    ).summary.trials
    return [as_walk(trial) for trial in sorted(trials, key=lambda trial: (trial.order, trial.seed))]


def as_walk(trial: TrialRow) -> dict[str, Any]:
    """A walk's order, seed and test scores in percent. Raises SystemExit where it did not come to its end."""
    if trial.status != "FINISHED":
        raise SystemExit(f"the walk {' > '.join(trial.order)} of seed {trial.seed} is {trial.status}; run it again.")
    latest, own = trial.R["test"]["latest"], trial.R["test"]["own"]
    return {
        "order": ",".join(trial.order),
        "seed": trial.seed,
        "latest": [[rounded(score) for score in row[: place + 1]] for place, row in enumerate(latest)],
        "own": [rounded(score) for score in own[-1]],
    }


def rounded(score: float | None) -> float | None:
    """A score in percent, to 1/1000."""
    return None if score is None else round(score, 3)


def all_settings(learners: Sequence[str], storage: str) -> dict[str, Settings]:
    """The tuned settings of learners and of the variants, by their names in the table."""
    found = {learner: tuned(learner, storage) for learner in learners}
    varied = {name: change(found[BASE]) for name, change in VARIANTS.items()} if BASE in found else {}
    return found | varied


def with_row(rows: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows with a new one in place of its earlier self, set after set: the picture is of the first."""
    kept = [one for one in rows if (one["set"], one["learner"]) != (row["set"], row["learner"])]
    return sorted([*kept, row], key=lambda one: tuple(SETS).index(one["set"]))


def main() -> None:
    """Tune, walk, and write the table after each learner and set, so that what is there can be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", required=True, help="where data, steps and sweeps lie")
    parser.add_argument("--learners", nargs="+", default=LEARNERS, choices=LEARNERS)
    parser.add_argument("--sets", nargs="+", default=tuple(SETS), choices=tuple(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1, 2))
    parser.add_argument("--file", type=Path, default=TABLE, help="the table, whose other rows are kept")
    given = parser.parse_args()
    table: dict[str, Any] = (
        json.loads(given.file.read_text()) if given.file.is_file() else {"tuned_on": TUNED_ON, "rows": []}
    )
    settings = all_settings(given.learners, given.storage)
    for name in given.sets:
        for learner, one in settings.items():
            walks = walked(one, SETS[name], given.seeds, given.storage)
            row = {"set": name, "learner": learner, "settings": one, "walks": walks}
            table["rows"] = with_row(table["rows"], row)
            given.file.write_text(written(table))


if __name__ == "__main__":
    main()
