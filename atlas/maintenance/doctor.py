"""The doctor: checks a cluster before a sweep, and reports each finding as well, or with its remedy."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from atlas.backbones import digest, locate
from atlas.backbones.processor import Processor
from atlas.cluster.connect import join_cluster, leave_cluster
from atlas.cluster.limits import Node, nodes_for
from atlas.cluster.options import ClusterOptions
from atlas.config.command_line import read_command_line
from atlas.config.learners import learner_named
from atlas.config.options import Options
from atlas.data.cache import prepared_address, survey
from atlas.data.prepare import Prepared
from atlas.execution.sizing import size_fleets
from atlas.maintenance.node_check import NodeCheck, NodeReport, check_nodes, versions
from atlas.runtime.console import shell
from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.runtime.text import by_number, counted
from atlas.storage.store import Store
from atlas.sweep.inputs import check_choices, sources_of
from atlas.tasks import find_task
from atlas.tracking import check_access, check_tracking, default_tracking_uri, signed_in

SHARED = (
    "Give a --storage that all nodes share (NFS, a PVC, a bucket), and where it is a bucket, its credentials to the "
    "environment in which Ray is started on every node."
)
SAME = "Give a --backbone that lies at the same path on every node."


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One checked part: its name, whether it is well, and its state or its remedy."""

    what: str
    ok: bool
    says: str

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'FIX'}  {self.what}: {self.says}"


def main(arguments: Sequence[str]) -> None:
    """Run `atlas doctor`. Exits with 1 where something is wrong."""
    options = read_command_line(
        f"{__doc__}\n\nGive it the options of the sweep that is to run.", Options(), arguments, prog="atlas doctor"
    ).options
    well = True
    for finding in examine(replace(options, search=options.search.resolved())):
        print(finding, flush=True)
        well &= finding.ok
    sys.exit(0 if well else 1)


def examine(options: Options) -> Iterator[Finding]:
    """Check every input of a sweep with these options, the cheap ones first."""
    backbone, processor, prepared = None, None, {}
    try:
        backbone = locate(options.training.backbone)
        processor = Processor.cut_to(backbone, options.training.tokens)
        yield Finding(what="backbone", ok=True, says=f"{options.training.backbone}, {digest(backbone)[:12]}")
    except AtlasError as error:
        yield Finding(what="backbone", ok=False, says=str(error))
    chosen = None if backbone is None else _choices(options, backbone)
    if chosen is not None:
        yield chosen
    yield _tracking(options)
    try:
        store = Store.open(str(options.storage.path / "store"))
        yield Finding(what="storage", ok=True, says=f"{options.storage.path} can be written here")
    except (AtlasError, OSError) as error:
        yield Finding(what="storage", ok=False, says=str(error))
        return
    if processor is not None and chosen is not None and chosen.ok:
        prepared = _prepared(options, processor)
        yield from _data(options, prepared)
    folders = {name: prepared_address(one, options.storage.data) for name, one in prepared.items() if one is not None}
    yield from _cluster(options, store, "" if backbone is None else str(backbone), folders)


def _choices(options: Options, backbone: Path) -> Finding:
    """Whether tasks, learner and what a backbone decides are known, and of one another."""
    training = options.training
    try:
        tasks = [find_task(name) for name in options.search.named_tasks]
        check_choices(options, backbone, tasks)
        learner = learner_named(training.learner, training).with_readout(training.readout).with_towers(training.towers)
        sources_of(options)
    except AtlasError as error:
        return Finding(what="choices", ok=False, says=str(error))
    says = f"{counted(len(tasks), 'task')}, learner {learner.name}, readout {training.readout}"
    return Finding(what="choices", ok=True, says=says)


def _prepared(options: Options, processor: Processor) -> dict[str, Prepared | None]:
    """Task → its prepared data, which stays in the storage; None where it is not prepared."""
    sources = sources_of(options)
    tasks = [find_task(name) for name in options.search.named_tasks]
    return {
        task.name: survey(task, processor=processor, place=options.storage.data, source=sources.get(task.name))
        for task in tasks
    }


def _data(options: Options, prepared: Mapping[str, Prepared | None]) -> Iterator[Finding]:
    lacking = [name for name, one in prepared.items() if one is None]
    tokens = () if options.training.tokens is None else ("--tokens", options.training.tokens)
    where = ("--backbone", options.training.backbone, *tokens, "--storage", options.storage.path)
    command = shell("atlas", "prepare", *lacking, *where)
    says = f"not prepared; run `{command}` (with --source where the task has files of its own)"
    yield Finding(what="data", ok=not lacking, says=says if lacking else f"{', '.join(prepared)} are prepared")


def _tracking(options: Options) -> Finding:
    given = options.storage.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    uri = signed_in(given or default_tracking_uri(options.storage.local))
    try:
        check_tracking(uri)
        check_access(uri)
    except AtlasError as error:
        return Finding(what="tracking", ok=False, says=str(error))
    alone = (
        " (a file of this machine: others that share the storage do not see it)"
        if options.storage.path.is_remote
        else ""
    )
    says = f"{redacted(uri)} answers{'' if given else alone}"
    return Finding(what="tracking", ok=True, says=says)


def _cluster(options: Options, store: Store, backbone: str, folders: Mapping[str, str]) -> Iterator[Finding]:
    try:
        join_cluster()
    except AtlasError as error:
        yield Finding(what="cluster", ok=False, says=str(error))
        return
    try:
        import ray

        nodes = [node for node in ray.nodes() if node["Alive"]]
        with _marked(store) as mark:
            check = NodeCheck(store_uri=store.uri, mark=mark, backbone=backbone, prepared=folders)
            reports = check_nodes(nodes, check)
        yield Finding(
            what="cluster", ok=True, says=f"{counted(len(nodes), 'node')}, {_listed(ray.cluster_resources())}"
        )
        yield from judge(reports, digest(Path(backbone)) if backbone else "", folders)
        yield placeable(options.cluster, nodes_for(growing=options.cluster.fleets is not None))
    finally:
        leave_cluster()


@contextmanager
def _marked(store: Store) -> Iterator[str]:
    """A small file in the store, by which other nodes know it again."""
    mark = f".probe-{uuid.uuid4().hex}"
    with store.filesystem.open_output_stream(f"{store.root}/{mark}") as stream:
        stream.write(b"doctor")
    yield mark
    store.filesystem.delete_file(f"{store.root}/{mark}")


def judge(reports: Sequence[NodeReport], backbone: str, tasks: Collection[str]) -> Iterator[Finding]:
    """The findings of the nodes' reports. `backbone` is the wanted digest, `tasks` are those prepared."""
    for report in reports:
        if report.failed:
            says = f"{report.failed}. Install atlas-continual there, in the same version as here."
            yield Finding(what=f"node {report.node}", ok=False, says=says)
    there = [report for report in reports if not report.failed]
    yield _token(there)
    yield _versions(there)
    yield _gpus(there)
    yield _everywhere("shared storage", "every node reads and writes it", {r.node: r.storage for r in there}, SHARED)
    if backbone:
        other = {r.node: "" if r.backbone == backbone else "its folder is missing or other" for r in there}
        yield _everywhere("backbone on the nodes", "the same on every node", other, SAME)
    if tasks:
        lacking = {r.node: f"no prepared data for {', '.join(r.lacks)}" if r.lacks else "" for r in there}
        yield _everywhere("data on the nodes", f"every node sees {', '.join(tasks)}", lacking, SHARED)


def _token(reports: Sequence[NodeReport]) -> Finding:
    """Whether every node was started with a token."""
    without = ", ".join(report.node for report in reports if not report.token)
    todo = f"start Ray with RAY_AUTH_MODE=token and one RAY_AUTH_TOKEN on {without}: whoever reaches it runs code there"
    return Finding(what="token", ok=not without, says=todo if without else "every node asks for one")


def _versions(reports: Sequence[NodeReport]) -> Finding:
    """Whether every node has the versions of this one."""
    here = versions()
    wrong = [
        f"{report.node} has {name} {report.versions.get(name)} instead of {mine}"
        for report in reports
        for name, mine in here.items()
        if report.versions.get(name) != mine
    ]
    equal = ", ".join(f"{name} {here[name]}" for name in ("python", "ray", "torch"))
    says = (
        f"{'; '.join(wrong)}. Use one container or one lock file for all." if wrong else f"equal on all nodes ({equal})"
    )
    return Finding(what="versions", ok=not wrong, says=says)


def _gpus(reports: Sequence[NodeReport]) -> Finding:
    blind = [f"Ray counts {r.gpus} on {r.node}, torch sees {r.gpus_seen}" for r in reports if r.gpus_seen < r.gpus]
    total = sum(report.gpus for report in reports)
    says = f"{'; '.join(blind)}. Check the driver, and that torch is its CUDA build." if blind else f"{total} seen"
    return Finding(what="GPUs", ok=not blind, says=says)


def _everywhere(what: str, well: str, problems: Mapping[str, str], todo: str) -> Finding:
    wrong = [f"on {node}: {problem}" for node, problem in problems.items() if problem]
    says = f"{'; '.join(wrong)}. {todo}" if wrong else well
    return Finding(what=what, ok=not wrong, says=says)


def placeable(options: ClusterOptions, nodes: Sequence[Node]) -> Finding:
    """Whether the fleets fit: in all, and each worker on one node."""
    try:
        size = size_fleets(options, nodes)
    except AtlasError as error:
        return Finding(what="plan", ok=False, says=str(error))
    cpus, gpus = by_number(size.cpus, "CPU", "CPUs"), by_number(size.gpus, "GPU", "GPUs")
    each = f"{size.cpus:g} {cpus} and {size.gpus:g} {gpus}"
    fleets, fit = counted(size.fleets, "fleet"), by_number(size.fleets, "fits", "fit")
    workers = by_number(size.workers, "worker", "workers")
    return Finding(what="plan", ok=True, says=f"{fleets} of {size.each} {workers}, each with {each}, {fit}")


def _listed(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{resources.get(name, 0.0):g} {name}s" for name in ("CPU", "GPU"))
