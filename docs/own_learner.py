"""One adapter for all tasks, that a spring holds near what the tasks before made of it."""

from dataclasses import dataclass, field

from atlas.learners import Learner, Schedule, Stage
from atlas.learners.hooks import StageHooks


class Spring(StageHooks):
    """λ/2 ‖Φ − Φ_{t−1}‖², added to the task's loss: Φ_{t−1} is the adapter as the stage found it."""

    def __init__(self, lesson, strength):
        sites = lesson.model.adapters.sites().values()
        self.weights = [weight for site in sites for weight in site.parameters_of(lesson.task).values()]
        self.before = [weight.detach().clone() for weight in self.weights]
        self.strength = strength if lesson.past else 0.0

    def penalty(self, batch, pooled):
        pairs = zip(self.weights, self.before, strict=True)
        return self.strength / 2 * sum((weight - before).square().sum() for weight, before in pairs)


@dataclass(frozen=True, kw_only=True)
class SpringStage(Stage):
    kind = "spring"
    replaces = True  # what it brings stands in for the adapter of the task before
    rank: int = 16
    strength: float = 1.0

    def begin(self, model, task, generator):  # new parameters, and what of them is trained
        model.share_adapter(task, generator, r=self.rank, combination="uniform")
        model.ensure_head(task, generator)
        model.train_expansion(task)

    def recall(self, lesson):
        return Spring(lesson, self.strength)


@dataclass(frozen=True, kw_only=True)
class SpringAdapter(Learner):
    """A shared adapter, learnt on: min over Φ and the head of L_t + λ/2 ‖Φ − Φ_{t−1}‖², λ being the strength."""

    name = "spring-adapter"
    lineage = "sequence"  # a step depends on all tasks before it, in their order
    schedule: Schedule = field(default_factory=Schedule)
    rank: int = 16
    strength: float = 1.0

    def stages(self, position):
        return (SpringStage(schedule=self.schedule, rank=self.rank, strength=self.strength),)
