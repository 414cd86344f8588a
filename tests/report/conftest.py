"""An invented sweep that looks like a real one: all 24 orders of 4 tasks, one seed."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from atlas.metrics import Undefined
from atlas.report.summary import SPLITS, Summary, summary_from
from atlas.report.tables import leaderboard, order_statistics, trial_metrics
from tests.report.beyond import with_downstream

Document = dict[str, Any]

TASKS = {
    "easy-vqa": ("vision-language", 7.7, 4000, 88.0),
    "shapes-nlvr": ("vision-language", 50.0, 3200, 74.0),
    "digits": ("vision", 10.0, 1200, 93.0),
    "sentiment": ("language", 50.0, 2600, 79.0),
}
HARM = {"vision-language": 0.03, "vision": 0.09, "language": 0.12}


def matrices(order: tuple[str, ...], noise: np.random.Generator) -> dict[str, list[list[float | None]]]:
    """R of both routes: a little upstream gain at learning, then loss that grows with each foreign task."""
    size = len(order)
    latest: list[list[float | None]] = [[None] * size for _ in range(size)]
    own: list[list[float | None]] = [[None] * size for _ in range(size)]
    for j, task in enumerate(order):
        _, chance, _, lone = TASKS[task]
        score = learnt = min(99.0, lone + 0.8 * j + noise.normal(0, 0.8))
        for i in range(j, size):
            if i > j:
                score -= (score - chance) * max(0.0, HARM[TASKS[order[i]][0]] + noise.normal(0, 0.02))
            latest[i][j], own[i][j] = round(score, 2), round(learnt, 2)
    return {"latest": latest, "own": own}


def invented_summary(trials: int = 24) -> dict[str, Any]:
    noise = np.random.default_rng(7)
    summary: dict[str, Any] = {
        "schema": 2,
        "sweep": {
            "id": "order-2025-11-22-a1b2",
            "name": "Task order, four easy tasks",
            "question": "How much does the order of the tasks change what ATLAS knows in the end?",
            "command": "python sweeps/task_order.py --tasks easy-vqa,shapes-nlvr,digits,sentiment --orders all",
            "started": "2025-11-22T14:03:11+00:00",
            "finished": "2025-11-22T14:31:47+00:00",
            "status": "FINISHED",
        },
        "settings": {"backbone": "vilt-tiny", "learner": "two-stage", "adapter.kind": "bottleneck", "adapter.r": 8},
        "versions": {"atlas": "0.1.0", "torch": "2.13.0", "ray": "2.60.0", "peft": "0.21.2"},
        "seeds": [1],
        "plan": {
            "trials": 24,
            "trainings_without_sharing": 96,
            "distinct_steps": 64,
            "in_store": 9,
            "estimated_seconds": 1650.0,
        },
        "tasks": {
            name: {
                "chance": chance,
                "score": "accuracy",
                "modality": modality,
                "fingerprint": name.encode().hex().ljust(64, "0"),
                "counts": {"train": samples, "val": samples // 8, "test": samples // 4},
                "majority": round(chance + 1.9, 1),
            }
            for name, (modality, chance, samples, _) in TASKS.items()
        },
        "trials": [],
        "references": {
            "lone": {"1": {name: {"val": lone + 0.4, "test": lone} for name, (_, _, _, lone) in TASKS.items()}},
            "head_only": {"1": {name: {"val": None, "test": lone - 17} for name, (_, _, _, lone) in TASKS.items()}},
            "untrained": {"1": {name: {"val": None, "test": chance} for name, (_, chance, _, _) in TASKS.items()}},
        },
        "orders": [],
        "ledger": {"steps_trained": 55, "steps_reused": 41, "seconds_trained": 1502.4, "seconds_saved": 1120.0},
        "best": None,
    }
    for number, order in enumerate(itertools.islice(itertools.permutations(TASKS), trials)):
        R = {"test": matrices(order, noise), "val": matrices(order, noise)}
        trial = {"id": f"t{number:02d}", "order": list(order), "seed": 1, "settings": {}, "R": R}
        trial |= {"step_keys": [f"{number:060x}{step:04x}" for step in range(4)], "status": "FINISHED"}
        summary["trials"].append({**trial, "metrics": {}})
    for trial in summary["trials"]:
        trial["metrics"] = recorded_metrics(summary, trial["id"])
    return with_results(summary)


def typed(document: dict[str, Any] | Summary) -> Summary:
    """The summary that a document holds, as it is read from its file."""
    return document if isinstance(document, Summary) else summary_from(document, "the invented summary")


def of_trials(document: dict[str, Any], trials: list[dict[str, Any]]) -> dict[str, Any]:
    """The document with these trials alone, and nothing that follows from trials."""
    return {**document, "trials": trials, "orders": [], "best": None}


def recorded_metrics(document: dict[str, Any], trial: str) -> dict[str, Any]:
    """The metrics of one trial, as the file has them."""
    summary = typed(document)
    found = {split: trial_metrics(summary, summary.trial(trial), split).values for split in SPLITS}
    return {
        f"{split}/{name}": {"undefined": value.reason} if isinstance(value, Undefined) else value
        for split, values in found.items()
        for name, value in values.items()
    }


def with_results(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the statistics over its orders, and its best trial."""
    summary = typed(document)
    first = next((row for row in leaderboard(summary) if row.status == "FINISHED"), None)
    return {
        **document,
        "orders": [one.model_dump(mode="json") for one in order_statistics(summary)],
        "best": None if first is None else {"trial": first.trial, "val": first.val, "test": first.test},
    }


@pytest.fixture(scope="session")
def invented() -> dict[str, Any]:
    """Not to be altered."""
    return invented_summary()


@pytest.fixture
def summary(invented: dict[str, Any]) -> dict[str, Any]:
    return deepcopy(invented)


def rich_summary() -> dict[str, Any]:
    """Two settings, six orders, three seeds, with costs and combination weights: everything that a page can show."""
    summary, noise = invented_summary(0), np.random.default_rng(11)
    orders = list(itertools.permutations(TASKS))[::4]
    trials = itertools.product((8, 16), orders, (1, 2, 3))
    for number, (rank, order, seed) in enumerate(trials):
        R = {"test": matrices(order, noise), "val": matrices(order, noise)}
        for routes in R.values():  # a larger rank learns a little more, and each seed has its own luck
            for rows in routes.values():
                shift = 0.25 * (rank - 8) + 0.7 * (seed - 2)
                rows[:] = [[None if one is None else round(min(99.9, one + shift), 2) for one in row] for row in rows]
        trial = {"id": f"t{number:02d}", "order": list(order), "seed": seed, "settings": {"rank": rank}, "R": R}
        trial |= {"step_keys": [f"{number:060x}{step:04x}" for step in range(4)], "status": "FINISHED", "metrics": {}}
        trial["cost"] = {
            "trained_parameters": 20_000 + 2_100 * rank,
            "stored_parameters": 80_000 + 8_400 * rank,
            "flops": 2.4e13 + 1e11 * rank + 1e10 * number,
            "seconds": 95.0 + 0.4 * rank + number % 5,
        }
        summary["trials"].append(trial)
    summary["plan"] |= {"trials": 36, "trainings_without_sharing": 144, "distinct_steps": 96}
    summary |= {"seeds": [1, 2, 3], "settings": {k: v for k, v in summary["settings"].items() if k != "adapter.r"}}
    summary["references"] = {kind: dict.fromkeys("123", found["1"]) for kind, found in summary["references"].items()}
    first = leaderboard(typed(summary))[0]
    return with_results(summary) | {"alpha": invented_alpha(first.trial, first.order, noise)}


def invented_alpha(trial: str, order: tuple[str, ...], noise: np.random.Generator) -> list[dict[str, Any]]:
    """Combination weights of a backbone of four layers, a task of the order each."""
    sites = [f"encoder.layer.{n}.{where}output.dense" for n in range(4) for where in ("attention.", "")]
    return [
        {
            "trial": trial,
            "step": f"{place:064x}",
            "task": task,
            "seed": 1,
            "split": "val",
            "records": 256,
            "sites": sites,
            "adapters": list(order[: place + 1]),
            "mean": noise.uniform(0.3, 0.9, (len(sites), place + 1)).round(4).tolist(),
        }
        for place, task in enumerate(order)
    ]


SETTINGS: list[dict[str, Any]] = [
    {"adapter": "bottleneck", "combination": "learned", "weighting": "whole", "normalisation": "softmax", "rank": 16},
    {"adapter": "bottleneck", "combination": "learned", "weighting": "whole", "normalisation": "softmax", "rank": 4},
    {"adapter": "lora", "combination": "learned", "weighting": "dimension", "normalisation": "none", "rank": 8},
    {"adapter": "lora", "combination": "uniform", "normalisation": "sum", "rank": 32},
    {"adapter": "bottleneck", "combination": "fixed", "past_weight": 0.2718, "normalisation": "none", "rank": 8},
    {"adapter": "bottleneck", "combination": "fixed", "past_weight": 0.85, "normalisation": "sum", "rank": 32},
    {"adapter": "lora", "combination": "uniform", "normalisation": "softmax", "rank": 4},
    {"adapter": "bottleneck", "combination": "learned", "weighting": "whole", "normalisation": "none", "rank": 16},
    {"adapter": "lora", "combination": "learned", "weighting": "whole", "normalisation": "softmax", "rank": 16},
]
GAIN = {"softmax": 0.0, "sum": -4.0, "none": -9.0, "bottleneck": 0.0, "lora": -1.5}


def settings_summary(orders: int = 2, seeds: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """A sweep of nine settings over the same orders, each of its walks a row: normalisation decides most."""
    summary, noise = invented_summary(0), np.random.default_rng(3)
    walked = list(itertools.permutations(TASKS))[:: 24 // orders][:orders]
    for number, settings in enumerate(SETTINGS):
        gain = sum(GAIN.get(str(value), 0.0) for value in settings.values())
        for place, (order, seed) in enumerate(itertools.product(walked, seeds)):
            R = {"test": matrices(order, noise), "val": matrices(order, noise)}
            for routes in R.values():
                for rows in routes.values():
                    rows[:] = [
                        [None if one is None else round(min(99.9, one + gain), 2) for one in row] for row in rows
                    ]
            trial = {"id": f"s{number}.{place}", "order": list(order), "seed": seed, "settings": settings, "R": R}
            trial |= {"step_keys": [], "status": "FINISHED", "metrics": {}}
            summary["trials"].append(trial)
    summary["sweep"] |= {"name": "adapter", "question": "Which adapter, and which combination, serves these best?"}
    summary["sweep"] |= {"command": "python sweeps/adapter.py --trials 9", "id": "adapter-20261127-010203-ab12"}
    summary["references"] = {"lone": {}, "head_only": {}, "untrained": {}}
    shared = {k: v for k, v in summary["settings"].items() if not k.startswith("adapter")}
    summary |= {"seeds": list(seeds), "settings": {**shared, "evaluate": [200, 400]}}
    return with_results(summary)


@pytest.fixture(scope="session")
def invented_settings() -> dict[str, Any]:
    """Not to be altered."""
    return settings_summary()


@pytest.fixture
def tuned(invented_settings: dict[str, Any]) -> dict[str, Any]:
    return deepcopy(invented_settings)


@pytest.fixture(scope="session")
def invented_rich() -> dict[str, Any]:
    """Not to be altered."""
    return rich_summary()


@pytest.fixture
def rich(invented_rich: dict[str, Any]) -> dict[str, Any]:
    return deepcopy(invented_rich)


@pytest.fixture
def downstream(summary: dict[str, Any]) -> dict[str, Any]:
    return with_downstream(summary)


@pytest.fixture
def everything(rich: dict[str, Any]) -> dict[str, Any]:
    """A summary that has something to show in every section."""
    first, *others = (trial["order"] for trial in rich["trials"][:9:3])
    tried = {"orders": [first], "accuracies": [70.0]}
    unseen = {"orders": others, "accuracies": [66.0, 68.0]}
    step = {
        "key": "a",
        "title": "digits (head)",
        "task": "digits",
        "began": 1000.0,
        "ended": 1010.0,
        "fleet": "fleet-0",
    }
    held_out = {"trial": rich["trials"][0]["id"], "chosen_by": tried, "held_out": unseen}
    return with_downstream(rich) | {"held_out": held_out, "timeline": [step]}
