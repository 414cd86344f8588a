"""Routed adapters: an adapter a task, trained by itself, from which each record is given the likest task's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Gathers, Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.readouts import HEAD, ROUTED_HEAD, ROUTED_SIMILARITY, SIMILARITY
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class RoutedAdapterStage(Stage):
    """A task alone: its adapter and head, and the prototypes of its records."""

    kind: ClassVar[str] = "routed-adapter"
    adapter: str = "bottleneck"
    rank: int = 48
    prototypes: int = 5
    records: int = 1000

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank is {self.rank}; an adapter needs a rank of 1 or more (the others: 48).")
        if self.prototypes < 1:
            raise UserError(f"prototypes is {self.prototypes}; a task is known by 1 or more (the paper: 5).")
        if self.records < 1:
            raise UserError(f"records is {self.records}; prototypes are those of 1 training record or more.")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.add_adapter(task, generator, experience=[], kind=self.adapter, r=self.rank, combination="uniform")
        model.ensure_head(task, generator)
        model.train_expansion(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return PrototypeHooks(context, self)


class PrototypeHooks(StageHooks):
    """Gives the task's readout the prototypes of its training records, by the frozen backbone."""

    def __init__(self, context: StageContext, stage: RoutedAdapterStage) -> None:
        self.context, self.stage = context, stage

    def on_stage_end(self) -> dict[str, JsonValue]:
        """Centres of the outputs for `records` training records; all workers have the same."""
        import torch

        from atlas.learners.adapter_router import centroids
        from atlas.learners.readouts.routed import RoutedReadout

        readout = self.context.model.readout(self.context.task)
        assert isinstance(readout, RoutedReadout)
        generator = torch.Generator().manual_seed(self.context.seed("prototypes"))
        found = centroids(self._outputs(), self.stage.prototypes, generator)
        readout.prototypes = torch.nn.Buffer(found.to(readout.prototypes.device))
        return {}

    def _outputs(self) -> torch.Tensor:
        """Those of a draw of training records [N, D], by number, gathered from all workers."""
        import torch

        from atlas.data.loader import permutation
        from atlas.learners.adapter_router import queries
        from atlas.learners.evaluation_records import read_batches
        from atlas.learners.precision import autocast

        model, group, data = self.context.model, self.context.group, self.context.data[self.context.task]
        train, found = data.splits["train"], list[tuple[int, torch.Tensor]]()
        drawn = permutation(len(train), seed=self.context.seed("prototypes"), epoch=0)[: self.stage.records]
        with torch.no_grad(), autocast(group.device, self.stage.schedule.precision):
            for numbers, batch in read_batches(train, group.shard(drawn), group):
                found += zip(numbers.tolist(), queries(model, model.given(batch, data.name)).cpu(), strict=True)
        every = sorted((one for part in group.gather(found) for one in part), key=lambda one: one[0])
        return torch.stack([row for _, row in every])


@dataclass(frozen=True, kw_only=True)
class RouterStage(Stage):
    """The router over the adapters of all tasks seen, each of which was trained alone. Nothing is trained."""

    kind: ClassVar[str] = "adapter-router"
    gathers: ClassVar[Gathers] = "steps"
    closed_form: ClassVar[bool] = True
    told_before: ClassVar[bool] = True

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.train_head(task)
        model.activate(task)


@dataclass(frozen=True, kw_only=True)
class RoutedAdapters(Learner):
    """A router over adapters, as S-Prompts chooses prompts (Wang et al., 2022, arXiv:2207.12819): min L_t over Φ_t and
    φ_t from θ_0 for each task alone, and out = Φ_t*(h) with t* = argmax_t max_k cos(q(x), c_tk).

    q(x) is the frozen backbone's own output for a record, which no task changes; c_t1 … c_tK are the centres of those
    of the task's training records by k-means, K = 5 as in the paper, here of directions. No task is told: on route
    `latest` the head of a record's task answers by the adapters that the router chooses, on route `free`, by
    similarity, the classes of all tasks compete under those adapters. Route `own` has the adapters of the task itself:
    what is missing on route `latest` is the router's mistakes, and the only forgetting that there is.

    Each task is trained alone, and the candidates have no order, so that the lineage is `set`: all orders share a
    task's training, and order has no effect in the end. The paper learns prompts of a ViT or CLIP; here they are the
    adapters of all learners, in one or both towers. MoE-Adapters' DDAS (Yu et al., 2024, arXiv:2403.11549) chooses by
    autoencoders, and gives what is like no task to the bare backbone; that refusal is left out: a record of a task to
    come is answered by the adapters of the likest task.
    """

    name: ClassVar[str] = "routed-adapters"
    lineage: ClassVar[Lineage] = "set"
    no_captions: ClassVar[str] = "a picture's adapters would not be those of the captions that it is compared with"
    readouts: ClassVar[tuple[str, ...] | None] = (HEAD, SIMILARITY)
    schedule: Schedule = field(default_factory=Schedule)
    adapter: str = "bottleneck"
    rank: int = 48
    prototypes: int = 5
    records: int = 1000

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        readout = ROUTED_HEAD if self.readout == HEAD else ROUTED_SIMILARITY
        alone = RoutedAdapterStage(
            schedule=self.schedule,
            readout=readout,
            towers=self.towers,
            adapter=self.adapter,
            rank=self.rank,
            prototypes=self.prototypes,
            records=self.records,
        )
        if position == 0:
            return (alone,)
        return (alone, RouterStage(schedule=replace(self.schedule, steps=0), readout=readout))

    def given(self, stage: Stage) -> Stage:
        return stage
