"""One adapter for all tasks, with a penalty that holds it near its weights after the tasks before."""

from dataclasses import dataclass, field

from atlas.learners import Learner, Schedule, Stage
from atlas.learners.hooks import StageHooks


class Spring(StageHooks):
    """λ/2 ‖Φ − Φ_{t−1}‖², added to the task's loss: Φ_{t−1} is the adapter when the stage begins."""

    def __init__(self, context, strength):
        sites = context.model.adapters.sites().values()
        self.weights = [weight for site in sites for weight in site.parameters_of(context.task).values()]
        self.before = [weight.detach().clone() for weight in self.weights]
        self.strength = strength if context.prior_steps else 0.0

    def penalty(self, batch, pooled):
        pairs = zip(self.weights, self.before, strict=True)
        return self.strength / 2 * sum((weight - before).square().sum() for weight, before in pairs)


@dataclass(frozen=True, kw_only=True)
class SpringStage(Stage):
    kind = "spring"
    replaces = True  # its adapter stands in for that of the task before
    rank: int = 16
    strength: float = 1.0

    def begin(self, model, task, generator):  # add new parameters, mark those to be trained
        model.share_adapter(task, generator, r=self.rank, combination="uniform")
        model.ensure_head(task, generator)
        model.train_expansion(task)

    def hooks(self, context):
        return Spring(context, self.strength)


@dataclass(frozen=True, kw_only=True)
class SpringAdapter(Learner):
    """A shared adapter: min over Φ and the head of L_t + λ/2 ‖Φ − Φ_{t−1}‖², λ being the strength."""

    name = "spring-adapter"
    lineage = "sequence"  # a step depends on all tasks before it, in their order
    schedule: Schedule = field(default_factory=Schedule)
    rank: int = 16
    strength: float = 1.0

    def stages(self, position):
        return (SpringStage(schedule=self.schedule, rank=self.rank, strength=self.strength),)
