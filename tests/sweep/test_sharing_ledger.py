from __future__ import annotations

from atlas.storage.step_result import StepResult
from atlas.sweep.sharing_ledger import StepUse, sharing_ledger
from atlas.sweep.summary import FinishedSweep


def results(ended: FinishedSweep) -> list[StepResult]:
    return [ended.inputs.store.result(key) for record in ended.trials for key in record.steps[0]]


def use(trial: str, key: str, result: StepResult, run: str) -> StepUse:
    return StepUse(trial=trial, key=key, result=result.model_copy(update={"run": run}))


def test_every_training_is_counted_once_by_where_it_comes_from(ended: FinishedSweep) -> None:
    result = results(ended)[0]
    uses = [
        use("t1", "a", result, "now"),
        use("t2", "a", result, "now"),
        use("t1", "b", result, "before"),
        use("t2", "c", result, "elsewhere"),
    ]
    beside = {"a": result.model_copy(update={"run": "now"}), "d": result.model_copy(update={"run": "now"})}
    found = sharing_ledger(uses, beside, run="now", earlier={"before"}, sharing=True)
    assert (found.trainings, found.trained, found.kept, found.found, found.shared) == (6, 2, 1, 1, 2)
    assert (found.steps_trained, found.steps_reused) == (1, 3)
    apart = sharing_ledger(uses, beside, run="now", earlier={"before"}, sharing=False)
    assert (apart.trainings, apart.trained, apart.shared) == (6, 4, 0)
    assert apart.seconds_saved == 0
