"""The walk graph: all steps of a sweep's walks, each built and hashed once, as one object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from atlas.learners import EvaluationStage, Learner, Stage, TwoStage
from atlas.learners.downstream import Way, downstream_stages
from atlas.learners.readouts import COMPARING, RIDGE_SIMILARITY, SIMILARITY
from atlas.steps.beyond import Beyond
from atlas.steps.probe import Probe
from atlas.steps.step import Step, StepInputs

Prefix = tuple[str, ...]


class WalkParts(Protocol):
    """The parts of a `Walk` that its steps follow from."""

    @property
    def order(self) -> tuple[str, ...]:
        """The tasks, in the order that they are trained in."""

    @property
    def learner(self) -> Learner:
        """The method that trains them."""

    @property
    def seed(self) -> int:
        """The seed of all its steps."""

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The probes of the model at its end."""

    @property
    def beyond(self) -> Beyond | None:
        """The scores beside those of the tasks learnt so far."""


@dataclass
class _Branch:
    """The walks of one learner with one seed: the steps of the last task of each prefix of an order."""

    learner: Learner
    seed: int
    tasks: dict[Prefix, list[Step]] = field(default_factory=dict)
    stages: list[tuple[Stage, ...]] = field(default_factory=list)  # by position
    probe_stages: dict[tuple[Way, bool], tuple[Stage, ...]] = field(default_factory=dict)


class WalkGraph:
    """The steps of walks over the same inputs, interned by key: equal steps are one object, their ancestors too.

    A walk whose prefix is known costs only its new steps. Iteration is over all steps met so far, each after the steps
    that it builds on. A list of its steps pickles their common ancestors once.
    """

    def __init__(self, step_inputs: StepInputs) -> None:
        self.step_inputs = step_inputs
        self._nodes: dict[str, Step] = {}
        self._made: dict[tuple[object, ...], Step] = {}
        self._stages: dict[str, Stage] = {}
        self._branches: dict[tuple[object, ...], _Branch] = {}
        self._latest: _Branch | None = None

    def __iter__(self) -> Iterator[Step]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, key: str) -> bool:
        return key in self._nodes

    def __getitem__(self, key: str) -> Step:
        """The step of that key; raises KeyError for one that no walk has."""
        return self._nodes[key]

    @property
    def stages(self) -> Sequence[Stage]:
        """The different stages of all steps met so far."""
        return list(self._stages.values())

    def steps(self, walk: WalkParts) -> list[list[Step]]:
        """For each task of the walk's order its steps, one a stage. The inner lists are the graph's: leave them."""
        branch, order = self._branch(walk.learner, walk.seed), walk.order
        steps: list[list[Step]] = []
        for position in range(len(order)):
            prefix = order[: position + 1]
            found = branch.tasks.get(prefix)
            if found is None:
                found = branch.tasks[prefix] = self._task_steps(branch, prefix, steps)
            steps.append(found)
        return steps

    def probe_steps(self, walk: WalkParts) -> dict[Probe, list[Step]]:
        """For each probe of the walk its steps, on top of the order's last step."""
        if not walk.probes:
            return {}
        branch = self._branch(walk.learner, walk.seed)
        last = self.steps(walk)[-1][-1] if walk.order else None
        return {probe: self._probe_steps(branch, probe, last) for probe in walk.probes}

    def evaluations(self, walk: WalkParts) -> list[Step | None]:
        """The evaluations beyond what is learnt: of the bare backbone, then after each task; None where there is none.

        There are none of a learner that has a model for each task instead of one for all.
        """
        if walk.beyond is None or not walk.order or walk.learner.lineage == "none":
            return [None] * (len(walk.order) + 1)
        branch = self._branch(walk.learner, walk.seed)
        models = [None, *(stages[-1] for stages in self.steps(walk))]
        return [
            self._evaluation(branch, walk.beyond, model, walk.order[place:] if model else ())
            for place, model in enumerate(models)
        ]

    def every_step(self, walk: WalkParts) -> Iterator[Step]:
        """All steps of the walk, of its probes and its evaluations, each after the steps that it builds on."""
        for stages in self.steps(walk):
            yield from stages
        for steps in self.probe_steps(walk).values():
            yield from steps
        yield from (step for step in self.evaluations(walk) if step is not None)

    def distinct(self, walks: Iterable[WalkParts]) -> list[Step]:
        """The steps of several walks, each once, each after the steps that it builds on."""
        found: dict[str, Step] = {}
        for walk in walks:
            for step in self.every_step(walk):
                found[step.key] = step
        return list(found.values())

    def _branch(self, learner: Learner, seed: int) -> _Branch:
        latest = self._latest
        if latest is None or latest.learner is not learner or latest.seed is not seed:
            settings = json.dumps(learner.settings(), sort_keys=True, default=repr)
            name = (type(learner), settings, repr(seed))
            latest = self._latest = self._branches.setdefault(name, _Branch(learner, seed))
        return latest

    def _task_steps(self, branch: _Branch, prefix: Prefix, earlier: list[list[Step]]) -> list[Step]:
        """The steps of the last task of `prefix`, one a stage, after those of the tasks before.

        By a learner's lineage: `sequence` builds each task on the one before; `none` on nothing; `set` on what its
        stages gather of the tasks seen, which is the same for all orders of them: the steps of the stage before, sorted
        by task, or the data of all tasks, of which the last by name is the step's own.
        """
        parent = earlier[-1][-1] if earlier and branch.learner.lineage == "sequence" else None
        steps: list[Step] = []
        for number, stage in enumerate(self._task_stages(branch, len(prefix) - 1)):
            newest, others = prefix[-1], list[str]()
            if stage.gathers == "data":
                *others, newest = sorted(prefix)
            beside = [stages[number - 1] for stages in earlier] if stage.gathers == "steps" else []
            parent = self._interned(
                Step(
                    task=newest,
                    stage=stage,
                    seed=branch.seed,
                    backbone=self.step_inputs.backbone,
                    data=self.step_inputs.data[newest],
                    evaluation=self.step_inputs.evaluation,
                    parent=parent,
                    auxiliary=tuple(sorted(beside, key=lambda step: step.task)),
                    joint_tasks=tuple((name, self.step_inputs.data[name]) for name in others),
                    templates=self.step_inputs.templates_for(stage.readout, (newest, *others, *stage.reads)),
                    revision=self.step_inputs.revision_of(stage),
                    reads=self.step_inputs.read_by(stage),
                    weights=self.step_inputs.weights_of(stage),
                )
            )
            steps.append(parent)
        return steps

    def _probe_steps(self, branch: _Branch, probe: Probe, parent: Step | None) -> list[Step]:
        """The steps of a probe on top of `parent`, the last step of an order (None: the bare backbone)."""
        steps: list[Step] = []
        for stage in self._probe_stages(branch, probe.way, bare=parent is None):
            parent = self._interned(
                Step(
                    task=probe.task,
                    stage=stage,
                    seed=branch.seed,
                    backbone=self.step_inputs.backbone,
                    data=self.step_inputs.data[probe.task],
                    evaluation=self.step_inputs.evaluation,
                    parent=parent,
                    shots=probe.shots,
                    downstream=True,
                    templates=self.step_inputs.templates_for(stage.readout, (probe.task,)),
                    revision=self.step_inputs.revision_of(stage),
                    reads=self.step_inputs.read_by(stage),
                    weights=self.step_inputs.weights_of(stage),
                )
            )
            steps.append(parent)
        return steps

    def _evaluation(self, branch: _Branch, beyond: Beyond, model: Step | None, ahead: Prefix) -> Step | None:
        """The evaluation of the model after a step (None: of the bare backbone), with tasks to come; None of nothing.

        It is computed as the step was trained. Its tasks are sorted, so that orders with one prefix share it. A task to
        come is compared with names where those learnt are, by the bare backbone where RAIL solves them.
        """
        like = model.stage if model else self._task_stages(branch, 0)[-1]
        untold = like.readout in COMPARING and not like.by_task
        space = beyond.competing(model.order if model else ()) if untold else ()
        tasks = sorted({*(ahead if beyond.ahead else ()), *space})
        if not tasks:
            return None
        bare = like.readout == RIDGE_SIMILARITY or (model is None and like.readout in COMPARING)
        readout = SIMILARITY if bare else like.readout
        stage = EvaluationStage(schedule=replace(like.schedule, steps=0), readout=readout, label_space=space)
        *others, last = tasks
        return self._interned(
            Step(
                task=last,
                stage=self._stages.setdefault(stage.settings_json, stage),
                seed=branch.seed,
                backbone=self.step_inputs.backbone,
                data=self.step_inputs.data[last],
                evaluation=self.step_inputs.evaluation,
                parent=model,
                joint_tasks=tuple((name, self.step_inputs.data[name]) for name in others),
                downstream=True,
                templates=self.step_inputs.templates_for(stage.readout, tasks),
                revision=self.step_inputs.revision_of(stage),
                reads=self.step_inputs.read_by(stage),
                weights=self.step_inputs.weights_of(stage),
            )
        )

    def _task_stages(self, branch: _Branch, position: int) -> tuple[Stage, ...]:
        """The learner's stages at that position of an order, asked for once."""
        for following in range(len(branch.stages), position + 1):
            branch.stages.append(self._interned_stages(branch.learner, branch.learner.stages(following)))
        return branch.stages[position]

    def _probe_stages(self, branch: _Branch, way: Way, *, bare: bool) -> tuple[Stage, ...]:
        if (way, bare) not in branch.probe_stages:
            assert isinstance(branch.learner, TwoStage), "probes are trained by the stages of ATLAS"
            stages = downstream_stages(branch.learner, way, bare=bare)
            branch.probe_stages[way, bare] = self._interned_stages(branch.learner, stages)
        return branch.probe_stages[way, bare]

    def _interned_stages(self, learner: Learner, stages: Iterable[Stage]) -> tuple[Stage, ...]:
        """The stages with the learner's readout and towers, of which those with equal settings are one object."""
        given = [learner.given(stage) for stage in stages]
        return tuple(self._stages.setdefault(stage.settings_json, stage) for stage in given)

    def _interned(self, step: Step) -> Step:
        """The graph's step that is equal to `step`, which is hashed only where none was made of the same parts.

        What it is made of is compared by identity, or as text: 1 and 1.0 are equal, but not in a key.
        """
        parts = (
            step.task,
            id(step.stage),
            repr(step.seed),
            id(step.parent),
            tuple(map(id, step.auxiliary)),
            step.joint_tasks,
            repr(step.shots),
            step.downstream,
        )
        if parts not in self._made:
            self._made[parts] = self._nodes.setdefault(step.key, step)
        return self._made[parts]
