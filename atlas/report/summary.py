"""`summary.json`: everything that a report shows of a sweep, in one documented file.

Version 1. Scores are in percent; a score that does not exist is null (never NaN). Times are ISO 8601, durations
seconds. Keys marked ? may be left out; unknown keys are reported, so that a slip of the pen shows.

    schema      1
    sweep       {id, name, question, command, started, finished?: null while it runs, status: RUNNING | FINISHED |
                 FAILED | KILLED}
    settings    {name: value}: what all trials share
    versions    {package: version}
    origin?     {file_digest: sha256 of the sweep's file, code: that of atlas, recipe, machine: {system, processor,
                 cpus, gpus: [name], joined: whether a cluster was joined}, learners?: {name: sha256 of the file of a
                 learner of the user's own}}: what a reproduction compares itself with
    seeds       [int]
    plan        {trials, trainings_without_sharing, distinct_steps, in_store?, estimated_seconds?}
    tasks       {name: {chance, score: accuracy | soft, modality, fingerprint, counts: {split: n}, majority?, title?}}
    trials      [{id, order: [task], seed, settings: {name: value} (those that differ between trials),
                  step_keys: [key], status: RUNNING | FINISHED | FAILED | KILLED | PRUNED,
                  R: {split: {route: [T × T]}}, metrics: {split/route/name: value}, error?,
                  cost?: {trained_parameters: the most that a step trained, stored_parameters: in the store
                  for its tasks, flops, seconds: of all its steps, as if nothing were shared} (null: unknown)}]
                R[split][route][i][j]: score on the j-th task of the order after learning the i-th; splits `val` and
                `test`; routes `latest` (one evolving model) and `own` (each task with the adapters it was learnt with)
                metrics: names are those of `atlas.metrics`; split/undefined holds {name: why it has no value};
                train/learning_speed (of losses) and val/learning_speed (of scores taken on the way) are means over
                tasks, in updates of a task's last stage
    references  {lone: {seed: {task: {val, test}}}, head_only?: the same, untrained?: the same}
    joint?      [{tasks: [task], seed, val: {task: score}, test}]: of models that trials trained on them together;
                what `intransigence` compares with
    downstream? [{trial: id, or M_0 for the bare backbone, order: [task], seed, task, way: experience | both | head,
                  shots: in words, val, test}]: few-shot scores of tasks learnt after an order
    downstream_tasks?   as tasks, of the downstream ones
    reference_keys?  [key]: the steps of the references, and of what was learnt on the bare backbone
    orders      [{settings, split, route, count, opd: {task: points}, aopd, mopd}]: statistics over orders
    ledger      {steps_trained, steps_reused, seconds_trained, seconds_saved, retries?, moved_aside?}
    alpha?      [{trial, step: key, task, seed, split, records, sites: [name], adapters: [task], mean: [S × t]}]: mean
                combination weights α of the best trial, a task each; of learners that combine several
    best        null or {trial, val, test, goal?: average accuracy on route `latest` unless it says downstream}: chosen
                by `val`, reported on `test`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atlas.runtime.errors import AtlasError
from atlas.storage.filesystem import write_whole

SCHEMA = 1
NUMBER = (int, float)
MAYBE = (int, float, type(None))
SPLITS, ROUTES = ("val", "test"), ("latest", "own")
SWEEP_STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED")
TRIAL_STATUSES = (*SWEEP_STATUSES, "PRUNED")

REFERENCE = {"*": {"*": {"val": MAYBE, "test": MAYBE}}}
TASK = {
    "*": {
        "chance": NUMBER,
        "score": str,
        "modality": str,
        "fingerprint": str,
        "counts": {"*": int},
        "majority?": MAYBE,
        "title?": str,
    }
}
SHAPE: dict[str, Any] = {
    "schema": int,
    "sweep": {
        "id": str,
        "name": str,
        "question": str,
        "command": str,
        "started": str,
        "finished?": (str, type(None)),
        "status": str,
    },
    "settings": {"*": object},
    "versions": {"*": str},
    "origin?": {
        "file_digest": str,
        "code": str,
        "recipe": int,
        "machine": {"system": str, "processor": str, "cpus": int, "gpus": [str], "joined": object},
        "learners?": {"*": str},
    },
    "seeds": [int],
    "plan": {
        "trials": int,
        "trainings_without_sharing": int,
        "distinct_steps": int,
        "in_store?": int,
        "estimated_seconds?": MAYBE,
    },
    "tasks": TASK,
    "trials": [
        {
            "id": str,
            "order": [str],
            "seed": int,
            "settings": {"*": object},
            "step_keys": [str],
            "status": str,
            "R": {"*": {"*": [[MAYBE]]}},
            "metrics": {"*": object},
            "error?": str,
            "cost?": {"trained_parameters": MAYBE, "stored_parameters": MAYBE, "flops": MAYBE, "seconds": MAYBE},
        }
    ],
    "references": {"lone": REFERENCE, "head_only?": REFERENCE, "untrained?": REFERENCE},
    "joint?": [{"tasks": [str], "seed": int, "val": {"*": NUMBER}, "test": {"*": NUMBER}}],
    "downstream?": [
        {
            "trial": str,
            "order": [str],
            "seed": int,
            "task": str,
            "way": str,
            "shots": str,
            "val": NUMBER,
            "test": NUMBER,
        }
    ],
    "downstream_tasks?": TASK,
    "reference_keys?": [str],
    "orders": [
        {
            "settings": {"*": object},
            "split": str,
            "route": str,
            "count": int,
            "opd": {"*": NUMBER},
            "aopd": MAYBE,
            "mopd": MAYBE,
        }
    ],
    "ledger": {
        "steps_trained": int,
        "steps_reused": int,
        "seconds_trained": NUMBER,
        "seconds_saved": NUMBER,
        "retries?": int,
        "moved_aside?": int,
    },
    "alpha?": [
        {
            "trial": str,
            "step": str,
            "task": str,
            "seed": int,
            "split": str,
            "records": int,
            "sites": [str],
            "adapters": [str],
            "mean": [[NUMBER]],
        }
    ],
    "best": (dict, type(None)),
}


def validate(summary: Mapping[str, Any]) -> list[str]:
    """What is wrong with the summary, one line each; empty where it is as documented above."""
    if summary.get("schema") != SCHEMA:
        return [f"schema is {summary.get('schema')!r}; this version reads {SCHEMA}"]
    problems = list(_mismatches(summary, SHAPE, ""))
    return problems or [*_wrong_trials(summary), *_wrong_words(summary), *_wrong_best(summary), *_wrong_alpha(summary)]


def write_summary(summary: Mapping[str, Any], path: Path) -> None:
    """Write it atomically. Raises AtlasError, naming every problem, where it is not valid."""
    _check(summary, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(summary, indent=1, allow_nan=False).encode())


def read_summary(path: Path) -> dict[str, Any]:
    """The summary at `path`. Raises AtlasError where there is none or it is not valid."""
    try:
        summary = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise AtlasError(f"{path} is not a readable summary of a sweep: {error}.") from error
    if not isinstance(summary, dict):
        raise AtlasError(f"{path} is not a summary of a sweep: it holds a {type(summary).__name__}.")
    _check(summary, path)
    return summary


def _check(summary: Mapping[str, Any], path: Path) -> None:
    if problems := validate(summary):
        shown = "\n  ".join(problems[:20])
        raise AtlasError(f"the summary {path} has {len(problems)} problems:\n  {shown}")


def _mismatches(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Where `value` departs from `shape`: a type, a tuple of types, [shape], {"*": shape} or {name[?]: shape}."""
    if isinstance(shape, dict):
        yield from _dict_mismatches(value, shape, where)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where} is {_short(value)}, not a list"
            return
        for index, item in enumerate(value):
            yield from _mismatches(item, shape[0], f"{where}[{index}]")
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is not object):
        names = [kind.__name__ for kind in (shape if isinstance(shape, tuple) else (shape,))]
        yield f"{where} is {_short(value)}, not {' or '.join(names)}"
    elif isinstance(value, float) and value != value:
        yield f"{where} is NaN; write null"


def _dict_mismatches(value: Any, shape: Mapping[str, Any], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is {_short(value)}, not an object"
        return
    dot = f"{where}." if where else ""
    if "*" in shape:
        for name, item in value.items():
            yield from _mismatches(item, shape["*"], f"{dot}{name}")
        return
    known = {name.removesuffix("?"): (name.endswith("?"), inner) for name, inner in shape.items()}
    for name in value.keys() - known.keys():
        yield f"{dot}{name} is not a known key"
    for name, (optional, inner) in known.items():
        if name in value:
            yield from _mismatches(value[name], inner, f"{dot}{name}")
        elif not optional:
            yield f"{dot}{name} is missing"


def _wrong_trials(summary: Mapping[str, Any]) -> Iterator[str]:
    """Trials whose ids, orders or matrices do not fit together."""
    seen: set[str] = set()
    for trial in summary["trials"]:
        name, order = f"trial {trial['id']}", trial["order"]
        if trial["id"] in seen:
            yield f"{name} occurs twice"
        seen.add(trial["id"])
        if unknown_tasks := sorted(set(order) - set(summary["tasks"])):
            yield f"{name} has unknown tasks: {', '.join(unknown_tasks)}"
        if len(set(order)) != len(order):
            yield f"{name} has a task twice"
        for split, routes in trial["R"].items():
            for route, R in routes.items():
                yield from _wrong_matrix(R, len(order), f"{name}: R.{split}.{route}")
                if split not in SPLITS or route not in ROUTES:
                    yield f"{name}: R.{split}.{route} is not of {SPLITS} × {ROUTES}"


def _wrong_matrix(R: list[list[float | None]], tasks: int, where: str) -> Iterator[str]:
    if len(R) != tasks or any(len(row) != tasks for row in R):
        yield f"{where} is not {tasks} × {tasks}"
    if any(score is not None and not 0 <= score <= 100 for row in R for score in row):
        yield f"{where} has a score outside 0 to 100"


def _wrong_words(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary["sweep"]["status"] not in SWEEP_STATUSES:
        yield f"sweep.status is {summary['sweep']['status']!r}, not of {', '.join(SWEEP_STATUSES)}"
    for trial in summary["trials"]:
        if trial["status"] not in TRIAL_STATUSES:
            yield f"trial {trial['id']}: status is {trial['status']!r}, not of {', '.join(TRIAL_STATUSES)}"


def _wrong_best(summary: Mapping[str, Any]) -> Iterator[str]:
    best = summary["best"]
    if best is None:
        return
    yield from _mismatches(best, {"trial": str, "val": MAYBE, "test": MAYBE, "goal?": str}, "best")
    if best.get("trial") not in {trial["id"] for trial in summary["trials"]}:
        yield f"best.trial is {best.get('trial')!r}, which is no trial"


def _wrong_alpha(summary: Mapping[str, Any]) -> Iterator[str]:
    for place, one in enumerate(summary.get("alpha", [])):
        rows, columns = len(one["sites"]), len(one["adapters"])
        if not rows or not columns or len(one["mean"]) != rows or any(len(row) != columns for row in one["mean"]):
            yield f"alpha[{place}].mean is not {rows} sites × {columns} adapters"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
