"""L2P: a pool of prompts that all tasks share, from which each record chooses by its own features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.readouts import HEAD, PROMPTED_HEAD, PROMPTED_SIMILARITY, SIMILARITY
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class PromptPoolStage(Stage):
    """The task's readout and the pool, from its prompts and keys after the task before."""

    kind: ClassVar[str] = "prompt-pool"
    replaces: ClassVar[bool] = True
    size: int = 10
    length: int = 5
    chosen: int = 5
    weight: float = 0.5

    def __post_init__(self) -> None:
        if self.length < 1:
            raise UserError(f"length is {self.length}; a prompt needs 1 token or more (the paper: 5).")
        if not 1 <= self.chosen <= self.size:
            raise UserError(
                f"chosen is {self.chosen} of a pool of {self.size}; give 1 prompt or more, and how many of them a "
                f"record chooses (the paper: 5 of 10)."
            )
        if not self.weight >= 0:
            raise UserError(f"weight is {self.weight}; give λ of the keys' distance as 0 or more (the paper: 0.5).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        from atlas.learners.readouts import find_readout
        from atlas.learners.readouts.prompted import PoolSettings, PromptedReadout

        kind = find_readout(self.readout)
        assert issubclass(kind, PromptedReadout)
        settings = PoolSettings(size=self.size, length=self.length, chosen=self.chosen, weight=self.weight)
        head = kind(model.backbone, model.forms[task], settings, generator).to(model.device)
        earlier = [one for name in model.other_heads(task) if isinstance(one := model.readout(name), PromptedReadout)]
        for one in earlier[-1:]:
            head.pool = one.pool
        for one in earlier:
            one.pool = head.pool
        model.heads[task] = head
        model.train_head(task)


@dataclass(frozen=True, kw_only=True)
class L2p(Learner):
    """L2P (Wang et al., 2022, arXiv:2112.08654): min L_t(x_p) + λ Σ_{k chosen} (1 − cos(q(x), k)), θ frozen.

    x_p has `chosen` prompts of the pool before its tokens, `length` tokens each: those whose keys k are nearest to
    q(x), the frozen backbone's own output for x. Pool and keys are shared by the tasks and trained by each in turn, so
    that a task seen before is answered by the pool as it is now, with its own readout; its identity is not needed to
    choose. The paper's sizes for Split CIFAR-100.

    Prompts stand before the tokens of the vision tower of a dual encoder, of the joint encoder of ViLT, and of the
    decoder of a model that answers in words, here by heads; what is pooled is the model's own token, in the paper the
    mean of the prompts' outputs, since a frozen model compares images with texts by it. Left out: one choice for a
    whole batch by majority, as its code has it in training, and the penalty on prompts chosen often.
    """

    name: ClassVar[str] = "l2p"
    lineage: ClassVar[Lineage] = "sequence"
    adapts: ClassVar[bool] = False
    readouts: ClassVar[tuple[str, ...] | None] = (HEAD, SIMILARITY)
    schedule: Schedule = field(default_factory=Schedule)
    size: int = 10
    length: int = 5
    chosen: int = 5
    weight: float = 0.5

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (
            PromptPoolStage(
                schedule=self.schedule,
                readout=PROMPTED_HEAD if self.readout == HEAD else PROMPTED_SIMILARITY,
                size=self.size,
                length=self.length,
                chosen=self.chosen,
                weight=self.weight,
            ),
        )

    def given(self, stage: Stage) -> Stage:
        return stage
