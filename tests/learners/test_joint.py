from __future__ import annotations

from itertools import combinations, permutations

from atlas.learners import Joint
from atlas.steps.step import StepInputs
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, weights
from tests.walks import walk

ORDER = ("piqa-twin", "digits", "easy-vqa")
LEARNER = Joint(schedule=SCHEDULE)


def test_it_does_not_depend_on_the_order(small_world: World, store: Store) -> None:
    last = [small_world.walk(*order, learner=LEARNER)[-1] for order in permutations(ORDER)]
    assert len({step.key for step in last}) == 1
    facts = small_world.learn(last[:1], store)[0]
    assert facts.scores.own == facts.scores.latest
    assert set(facts.scores.latest.val) == set(ORDER)


def test_all_orders_of_eight_tasks_cost_255_trainings() -> None:
    names = "abcdefgh"
    step_inputs = StepInputs(backbone="b", data={name: name for name in names})
    keys: dict[frozenset[str], set[str]] = {}
    for subset in (chosen for size in range(1, 9) for chosen in combinations(names, size)):
        for order in (subset, subset[::-1], (*subset[1:], *subset[:1])):
            (step,) = walk(order, LEARNER, 0, step_inputs)[-1]
            keys.setdefault(frozenset(subset), set()).add(step.key)
    assert all(len(found) == 1 for found in keys.values())
    assert len(set.union(*keys.values())) == 255


def test_each_update_learns_a_batch_of_every_task(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER, learner=LEARNER)
    facts = small_world.learn(steps, store)
    size = SCHEDULE.batch_size * 2
    assert [fact.records for fact in facts] == [size, 2 * size, 3 * size]
    heads = {name.rpartition("/")[0] for name in weights(store, steps[-1]) if "head" in name}
    assert heads == {"head.safetensors", "heads/digits.safetensors", "heads/easy-vqa.safetensors"}


def test_it_starts_from_the_bare_backbone(small_world: World, store: Store) -> None:
    """Nothing but the set counts: what was learnt before need not even be in the store."""
    step = small_world.walk(*ORDER, learner=LEARNER)[-1]
    assert step.builds_on == ()
    assert step.title == "digits + easy-vqa + piqa-twin (joint-tuning)"
    assert list(small_world.learn([step], store)[0].order) == sorted(ORDER)
