"""Preflight: resolve and check a sweep's inputs before anything is trained: backbone, data, store and tracking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.backbones import digest, locate
from atlas.backbones.base import check_load_options, readouts_of
from atlas.backbones.families import FAMILIES, EncoderShape, encoder_shapes, family_of
from atlas.backbones.load_options import LoadOptions
from atlas.backbones.processor import Processor
from atlas.config.options import Options
from atlas.config.training import TrainingOptions
from atlas.data.cache import obtain
from atlas.data.options import MOST_TIED
from atlas.data.prepare import Prepared, PrepareOptions
from atlas.learners.readouts import SIMILARITY, check_answers
from atlas.learners.readouts.prompts import check_class_words, own_templates
from atlas.metrics import METRICS
from atlas.runtime.errors import UserError
from atlas.runtime.os_errors import error_from
from atlas.runtime.paths import absolute
from atlas.search.proposals import Proposals
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, StepInputs
from atlas.steps.walk import Walk
from atlas.storage.kept_reads import read_at_once
from atlas.storage.safetensors_header import tensor_shapes
from atlas.storage.store import Store
from atlas.sweep.plan import Pace, Plan, measured_pace, plan
from atlas.tasks import check_needs_files, find_task
from atlas.tasks.task import Task
from atlas.tracking import check_access, check_tracking, default_tracking_uri

if TYPE_CHECKING:
    from atlas.steps.parameters import ParameterCounter

TIMED = 20  # how many steps of the store the estimate looks at


@dataclass(frozen=True, kw_only=True)
class SweepInputs:
    """The backbone's folder, the prepared tasks, the store and the tracking server, all of them checked."""

    backbone: Path
    prepared: dict[str, Prepared]
    store: Store
    store_uri: str
    tracking_uri: str
    step_inputs: StepInputs

    @property
    def sizes(self) -> dict[str, int]:
        """The records of each task's training split."""
        return {name: prepared.counts["train"] for name, prepared in self.prepared.items()}

    @property
    def warnings(self) -> list[str]:
        """What people should know of the prepared tasks before they train on them, in a line each."""
        return [f"{name}: {one}" for name, prepared in self.prepared.items() for one in prepared.card.warnings()]

    @cached_property
    def encoders(self) -> tuple[EncoderShape, ...]:
        """The shapes of the backbone's encoders. Raises UserError where its configuration does not tell them."""
        return _shapes(self.backbone)

    def loads(self) -> dict[str, float]:
        """Task → the cost of one of its records, in passes over one image and the longest text."""
        shapes = self.encoders
        cards = {name: prepared.card for name, prepared in self.prepared.items()}
        whole = sum(_weight(shape) * (shape.patches + shape.text_tokens) for shape in shapes)
        return {
            name: sum(
                shape.passes(images=card.images, choices=card.texts_encoded)
                * _weight(shape)
                * (shape.patches + min(shape.text_tokens, card.text_tokens))
                for shape in shapes
            )
            / whole
            for name, card in cards.items()
        }

    @cached_property
    def graph(self) -> WalkGraph:
        """The steps of the sweep's walks, the same objects wherever this process needs them."""
        return WalkGraph(self.step_inputs)

    def parameter_counter(self) -> ParameterCounter:
        """A counter of the parameters that trials would train: it loads the backbone into this process."""
        from atlas.learners.process_group import ProcessGroup
        from atlas.steps.parameters import ParameterCounter
        from atlas.steps.train import open_worker_context

        prepared = {name: str(one.path) for name, one in self.prepared.items()}
        return ParameterCounter(open_worker_context(str(self.backbone), prepared, ProcessGroup()))

    def plan(self, proposals: Proposals, references: Sequence[Walk], *, at_once: int) -> Plan:
        """The plan for these walks, timed by the stored steps that are like theirs."""
        stored = self.store.has([step.key for step in self.graph.distinct([*proposals.walks, *references])])
        timed = list(islice(stored, TIMED)) or list(islice(self.store.keys(), TIMED))
        results = [entry.result for entry in read_at_once(self.store.find, timed) if entry is not None]
        loads = self.loads()
        per_record = measured_pace(results, fallback=_guess(self.encoders), loads=loads)
        pace = Pace(per_record=per_record, at_once=at_once, sizes=self.sizes, loads=loads)
        return plan(proposals, references, self.graph, stored=stored, pace=pace)


def _guess(encoders: Sequence[EncoderShape]) -> float:
    """Seconds a record on one CPU: forward and backward at 40 GFLOP/s, 12 D² multiplications a token and layer."""
    multiplications = sum(12 * _weight(shape) * (shape.patches + shape.text_tokens) for shape in encoders)
    return 6 * multiplications / 4e10


def _weight(shape: EncoderShape) -> int:
    """The part of a token's cost that the layers decide: D² times their number."""
    return shape.width**2 * shape.depth


def _shapes(backbone: Path) -> tuple[EncoderShape, ...]:
    shapes = encoder_shapes(backbone)
    if not shapes:
        raise UserError(f"backbone folder {backbone}: its config.json is of no known family, or lacks its sizes.")
    return shapes


def resolve_inputs(
    options: Options, progress: Callable[[str, int], None] | None = None, *, tracking_uri: str = ""
) -> SweepInputs:
    """Check and prepare everything that needs no cluster. Preparing is done once; later calls find it.

    `tracking_uri` is the whole address where the options' own leaves a password out.

    Raises:
        UserError: an unknown task, a backbone that is missing or altered, a task without data, a storage that
            cannot be written, a tracking server that does not answer.
    """
    tasks = [find_task(name) for name in options.search.named_tasks]
    sources = sources_of(options)
    folder = locate(options.training.backbone)
    check_choices(options, folder, tasks)
    _make(options.storage.local)
    store_uri = str(options.storage.path / "store")
    store = Store.open(store_uri)
    tracking_uri = tracking_uri or options.storage.tracking_uri or default_tracking_uri(options.storage.local)
    check_tracking(tracking_uri)
    check_access(tracking_uri)
    prepared = _prepared(tasks, folder, options, sources, progress)
    return SweepInputs(
        backbone=folder,
        prepared=prepared,
        store=store,
        store_uri=store_uri,
        tracking_uri=tracking_uri,
        step_inputs=StepInputs(
            backbone=digest(folder),
            data={name: one.fingerprint for name, one in prepared.items()},
            evaluation=evaluation_of(options.training),
            templates=templates_of(tasks),
            revisions=family_of(folder).revisions,
            weights=options.cluster.weights,
        ),
    )


def _prepared(
    tasks: Sequence[Task],
    backbone: Path,
    options: Options,
    sources: Mapping[str, Path],
    progress: Callable[[str, int], None] | None,
) -> dict[str, Prepared]:
    """The data of each task, prepared for the backbone. Raises UserError, also for words that it cannot compare."""
    processor, training = Processor.cut_to(backbone, options.training.tokens), options.training
    report = (lambda mark: progress(mark.split, mark.done)) if progress else None
    prepare_options = PrepareOptions(progress=report, most_tied=MOST_TIED)
    place, found = options.storage.data, dict[str, Prepared]()
    for task in tasks:
        source = sources.get(task.name)
        one = obtain(task, processor=processor, place=place, source=source, prepare_options=prepare_options)
        if training.readout == SIMILARITY:
            check_class_words(
                task.name,
                one.card.answers,
                modality=one.card.modality,
                processor=processor,
                templates=own_templates(task),
            )
        found[task.name] = one
    return found


def check_choices(options: Options, backbone: Path, tasks: Sequence[Task]) -> None:
    """Raises UserError for what the backbone does not have or allow: weights, readout, towers, names of tasks."""
    check_load_options(LoadOptions(weights=options.cluster.weights, recompute=options.cluster.recompute), backbone)
    answered = [task for task in tasks if task.name != options.search.reference]
    check_readout(options.training.readout, backbone, answered)
    check_towers(options.training.towers, backbone)
    check_adapter_names([task.name for task in tasks], backbone)


def check_readout(readout: str, backbone: Path, tasks: Sequence[Task]) -> None:
    """Raises UserError for a readout that the backbone does not allow, or a task that it cannot answer."""
    allowed = readouts_of(backbone)
    if readout not in allowed:
        raise UserError(
            f"--readout {readout}: the backbone {backbone.name} allows {' or '.join(allowed)}; give one of those, or a "
            f"backbone that allows it ({', '.join(kind for kind, one in FAMILIES.items() if readout in one.readouts)})."
        )
    check_answers(readout, {task.name: task.answer_kind for task in tasks})
    blind = [task.name for task in tasks if task.modality == "language"]
    if readout == SIMILARITY and blind:
        raise UserError(
            f"--readout similarity compares an image with texts, and {', '.join(blind)} has none: leave it out of the "
            f"tasks, or give --readout head."
        )


def check_towers(towers: Sequence[str], backbone: Path) -> None:
    """Raises UserError for a tower that the backbone does not have."""
    known = family_of(backbone).towers
    for tower in towers:
        if tower not in known:
            has = f"the towers {' and '.join(known)}" if known else "one encoder: leave it out"
            raise UserError(f"--towers {tower}: the backbone {backbone.name} has {has}.")


def check_adapter_names(tasks: Iterable[str], backbone: Path) -> None:
    """Raises UserError for a task that is named like a module of the backbone: PEFT would mix their weights up.

    And for one that is named like a metric: MLflow would show one in the other's place.
    """
    from pyarrow.fs import LocalFileSystem

    files = sorted(backbone.glob("*.safetensors"))
    modules = {
        part for path in files for name in tensor_shapes(LocalFileSystem(), str(path)) for part in name.split(".")
    }
    for task in tasks:
        if task in METRICS:
            raise UserError(
                f"the task's name is {task!r}, as that of a metric, in whose place its scores would be shown; give it "
                f"another, such as {f'task-{task}'!r}."
            )
        if task in modules:
            raise UserError(
                f"the task's name is {task!r}, as that of a module of the backbone {backbone.name}, with whose weights "
                f"its adapter's would be mixed up; give it another, such as {f'task-{task}'!r}."
            )


def templates_of(tasks: Iterable[Task]) -> dict[str, tuple[str, ...]]:
    """The templates of the tasks that have others than the usual ones."""
    return {task.name: templates for task in tasks if (templates := own_templates(task))}


def evaluation_of(training: TrainingOptions) -> Evaluation:
    """The number of records that score a task."""
    val, test = training.evaluate
    return Evaluation(val=val or None, test=test or None)


def sources_of(options: Options) -> dict[str, Path]:
    """Task → the folder of its published files, from `--source`.

    Raises UserError for one that is missing, and for a task that is not in the sweep, or, where it begins, needs none.
    """
    source, tasks = options.storage.source, options.search.named_tasks
    pairs = [text.partition("=") for text in source]
    for task, equals, folder in pairs:
        if not equals or not folder:
            raise UserError(f"--source {task!r} is not TASK=FOLDER; give e.g. --source vqa=/data/vqa.")
        if not absolute(folder).is_dir():
            raise UserError(f"--source {task}={folder}: there is no such folder.")
    found = [(find_task(task).name, absolute(folder)) for task, _, folder in pairs]
    if len(dict(found)) < len(found):
        raise UserError(f"--source is {' '.join(source)}; give each task one folder.")
    for task in dict(found).keys() - {find_task(name).name for name in tasks}:
        raise UserError(
            f"--source names {task}, which is not in the sweep ({', '.join(tasks)}): add it to --tasks, "
            f"--downstream or --reference, or leave its source out."
        )
    for task in () if options.run.resume else dict(found):
        check_needs_files(find_task(task))
    return dict(found)


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise error_from(
            error, f"the storage {root} cannot be made: {error.strerror}; give another --storage."
        ) from error
